// Options -> Settings, checked as a whole; then every repeat of every engine in turn, so that a
// drift of the machine hits all engines alike.
#include "run_command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <siltstone/batch.h>
#include <CLI/CLI.hpp>

#include "arguments.h"
#include "base/try.h"
#include "common/exit_code.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "console.h"
#include "json_report.h"
#include "keys.h"
#include "report.h"
#include "runner.h"

namespace siltstone::kvbench {
namespace {

using tools::complain;

std::string workload_help() {
  std::string text = "Workloads, run in the order given; a read needs a fill before it:\n";
  for (const Workload& workload : workloads()) {
    text += fmt::format("  {:<12} {}\n", workload.name, workload.summary);
  }
  return text +
         "\nExample: kvbench run --workloads fillrandom,readrandom,readseq --verify\n"
         "Exit codes: 0 ok, 2 usage, 3 wrong data was read, 4 I/O error, 130 interrupted.";
}

std::string engine_names() {
  std::string names;
  for (const Engine* engine : engines()) names += fmt::format(" {}", engine->name);
  return names;
}

const std::map<std::string, Durability> kDurabilities{
    {std::string(name_of(Durability::power_cut)), Durability::power_cut},
    {std::string(name_of(Durability::kill)), Durability::kill},
};

void add_data_options(CLI::App& run, Settings& settings) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  run.add_option("--num", settings.num, "Entries a fill writes")
      ->check(within(std::uint64_t{1}, kMost))
      ->type_name("N")
      ->capture_default_str();
  run.add_option("--reads", settings.reads, "Gets of a reading workload (default: --num)")
      ->check(within(std::uint64_t{1}, kMost))
      ->type_name("N");
  run.add_option("--key-size", settings.key_bytes, "Of a key, which is that many decimal digits")
      ->transform(size_text())
      ->check(within(std::size_t{1}, kMaxKeyBytes))
      ->type_name("SIZE")
      ->capture_default_str();
  run.add_option("--value-size", settings.value_bytes, "Of a value, such as 100 or 4KiB")
      ->transform(size_text())
      ->check(within(std::size_t{0}, kMaxValueBytes))
      ->type_name("SIZE")
      ->capture_default_str();
  run.add_option("--compressibility", settings.compressibility,
                 "The part of a value that a compressor can take away, 0 to 1")
      ->check(within(0.0, 1.0))
      ->type_name("SHARE")
      ->capture_default_str();
  run.add_option("--seed", settings.seed, "Of keys, values and orders")
      ->type_name("N")
      ->capture_default_str();
}

void add_options(CLI::App& run, Settings& settings) {
  run.add_option("--workloads", settings.workloads, "What to run, separated by commas")
      ->delimiter(',')
      ->type_name("LIST")
      ->required();
  run.add_option("--engines", settings.engines, "On which of:" + engine_names())
      ->delimiter(',')
      ->type_name("LIST")
      ->capture_default_str();
  run.add_option("--dir", settings.dir, "Where to make the stores, and remove them afterwards")
      ->type_name("DIR")
      ->capture_default_str();
  add_data_options(run, settings);
  run.add_option("--durability", settings.store.durability,
                 "What a write that returned survives: power-cut or kill (of the process)")
      ->transform(CLI::CheckedTransformer(kDurabilities).description(""))
      ->type_name("CLASS")
      ->default_str(std::string(name_of(settings.store.durability)));
  run.add_option("--memory", settings.store.memory_bytes, "For the cache of each engine")
      ->transform(size_text())
      ->check(within(std::uint64_t{1} << 20, std::uint64_t{1} << 40))
      ->type_name("SIZE")
      ->capture_default_str();
  run.add_option("--batch", settings.batch, "Puts in a batch of fillbatch")
      ->check(within(1, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  run.add_option("--threads", settings.threads, "Threads of every workload")
      ->check(within(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  run.add_option("--repeat", settings.repeat, "Run everything so often; the median counts")
      ->check(within(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  run.add_option("--json", settings.json_path, "Write the results to this file; - is stdout")
      ->type_name("FILE");
  run.add_flag("--verify", settings.verify, "Check every key and value that is read");
  run.add_flag("--force", settings.force, "Run even if this build is not meant to be measured");
  run.add_flag("--keep", settings.keep, "Leave the stores behind");
}

/// What is wrong with the settings as a whole; empty if nothing is.
std::string find_fault(const Settings& settings) {
  for (const std::string& name : settings.engines) {
    if (find_engine(name) == nullptr) {
      return fmt::format("there is no engine {} in this build; it has:{}", name, engine_names());
    }
  }
  bool filled = false;
  for (const std::string& name : settings.workloads) {
    const Workload* workload = find_workload(name);
    if (workload == nullptr) {
      return fmt::format("there is no workload {}: see kvbench run --help", name);
    }
    filled = filled || workload->kind == WorkloadKind::fill;
    if (!filled) return fmt::format("{} needs a fill workload before it", name);
  }
  if (settings.key_bytes < digits(settings.num - 1)) {
    return fmt::format("keys of {} digits are too short for {} of them", settings.key_bytes,
                       settings.num);
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(settings.dir, ignored)) {
    return fmt::format("--dir {} is not a directory", settings.dir);
  }
  return {};
}

std::vector<Row> make_rows(const Settings& settings) {
  std::vector<Row> rows;
  for (const std::string& engine : settings.engines) {
    for (const std::string& workload : settings.workloads) {
      rows.push_back({find_engine(engine), find_workload(workload), {}});
    }
  }
  return rows;
}

/// Runs the workloads of one engine once; `rows` are those of the engine.
Result<void> run_once(std::span<Row> rows, const Settings& settings, const Values& values,
                      std::FILE* out) {
  Runner runner(*rows.front().engine, settings, values);
  for (Row& row : rows) {
    auto measured = SILT_TRY(runner.run(*row.workload));
    if (tools::interrupted()) break;  // what was cut short is not a result
    SILT_TRY(tell(out, format_run(*row.engine, *row.workload, measured)));
    row.runs.push_back(measured);
  }
  return runner.finish();
}

Result<void> run_all(std::vector<Row>& rows, const Settings& settings, std::FILE* out) {
  const Values values(settings.value_bytes, settings.compressibility, settings.seed);
  const std::size_t per_engine = settings.workloads.size();
  for (unsigned repeat = 0; repeat < settings.repeat; ++repeat) {
    for (std::size_t first = 0; first < rows.size(); first += per_engine) {
      if (tools::interrupted()) return {};
      SILT_TRY(run_once(std::span(rows).subspan(first, per_engine), settings, values, out));
    }
  }
  return {};
}

int run(const Settings& settings) {
  if (const std::string fault = find_fault(settings); !fault.empty()) {
    complain(fault);
    return tools::kExitUsage;
  }
  const Build build = describe_build();
  if (!build.unfit.empty() && !settings.force) {
    complain(
        fmt::format("this build is not meant to be measured: {}. Build with "
                    "--buildtype=release, or say --force",
                    build.unfit));
    return tools::kExitUsage;
  }
  const Host host = describe_host(settings.dir);
  std::vector<const Engine*> used;
  used.reserve(settings.engines.size());
  for (const std::string& name : settings.engines) used.push_back(find_engine(name));
  std::FILE* out = text_stream(settings.json_path);
  auto outcome = tell(out, format_head(settings, host, build, used));

  tools::catch_interrupts();
  std::vector<Row> rows = make_rows(settings);
  if (outcome) outcome = run_all(rows, settings, out);
  std::erase_if(rows, [](const Row& row) { return row.runs.empty(); });
  if (const auto told = tell(out, format_table(rows, settings)); outcome) outcome = told;
  if (!outcome) complain(outcome.error().to_string());
  if (tools::interrupted()) complain("interrupted: the results above are not complete");
  const bool complete = outcome.has_value() && !tools::interrupted();
  if (!settings.json_path.empty() &&
      !write_json(settings.json_path, format_json(rows, settings, host, build, complete))) {
    return tools::kExitIo;
  }
  if (!outcome) return tools::exit_code_for(outcome.error().code());
  return tools::interrupted() ? tools::kExitInterrupted : tools::kExitOk;
}

}  // namespace

void add_run_command(CLI::App& app, int& exit_code) {
  auto settings = std::make_shared<Settings>();
  settings->engines = {"siltstone", "null"};
  settings->dir = default_dir();
  CLI::App* command = app.add_subcommand("run", "Run workloads on engines, closed loop");
  command->footer(workload_help());
  add_options(*command, *settings);
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace siltstone::kvbench
