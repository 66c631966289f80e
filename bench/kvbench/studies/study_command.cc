// Options -> StudySettings, checked; then every repeat, and the report of what is known by the end.
#include "studies/study_command.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "arguments.h"
#include "base/try.h"
#include "common/exit_code.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "console.h"
#include "host.h"
#include "progress.h"
#include "studies/study.h"
#include "studies/study_report.h"

namespace siltstone::kvbench {
namespace {

using tools::complain;

void add_general_options(CLI::App& command, StudySettings& settings) {
  command.add_option("--repeat", settings.repeat, "Measure everything so often; the median counts")
      ->check(within(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--json", settings.json_path, "Write the results to this file; - is stdout")
      ->type_name("FILE");
  command.add_flag("--force", settings.force, "Run even if this build is not meant to be measured");
  command.add_flag("--keep", settings.keep, "Leave the files behind");
}

void add_put_options(CLI::App& command, StudySettings& settings, const StudyOptions& options) {
  if (options.puts) {
    command.add_option("--puts", settings.puts, "How many puts are measured, by commas")
        ->delimiter(',')
        ->check(within(std::uint64_t{1}, std::uint64_t{1} << 26))
        ->type_name("LIST");
  }
  if (options.entries) {
    command.add_option("--entries", settings.entries, "How many each store is filled with")
        ->check(within(std::uint64_t{1}, std::uint64_t{1} << 26))
        ->type_name("N")
        ->capture_default_str();
  }
  if (options.limit) {
    command.add_option("--limit", settings.limit_seconds, "Seconds that each may take, at most")
        ->check(within(0.001, 86400.0))
        ->type_name("S")
        ->capture_default_str();
  }
  if (options.threads) {
    command.add_option("--threads", settings.threads, "How many threads put, by commas")
        ->delimiter(',')
        ->check(within(1, 1024))
        ->type_name("LIST");
  }
}

void add_own_options(CLI::App& command, StudySettings& settings, const StudyOptions& options) {
  if (options.seconds) {
    command.add_option("--seconds", settings.seconds, "Of each single measurement")
        ->check(within(0.001, 3600.0))
        ->type_name("S")
        ->capture_default_str();
  }
  if (options.file_size) {
    command.add_option("--file-size", settings.file_bytes, "Of the file that is read, like 4GiB")
        ->transform(size_text())
        ->check(within(std::uint64_t{1} << 20, std::uint64_t{1} << 44))
        ->type_name("SIZE")
        ->default_str("1GiB");
  }
  if (options.log_size) {
    command.add_option("--log-size", settings.log_bytes, "Of the log that is recovered, like 1GiB")
        ->transform(size_text())
        ->check(within(std::uint64_t{1} << 20, std::uint64_t{1} << 30))
        ->type_name("SIZE")
        ->default_str("256MiB");
  }
  if (options.rounds) {
    command.add_option("--rounds", settings.rounds, "How often in each single measurement")
        ->check(within(1, 1'000'000))
        ->type_name("N")
        ->capture_default_str();
  }
  if (options.pages) {
    command.add_option("--pages", settings.pages, "Pages written in random order")
        ->check(within(10, 13'000))
        ->type_name("N")
        ->capture_default_str();
  }
  if (options.depths) {
    command.add_option("--depths", settings.depths, "How many reads are under way, by commas")
        ->delimiter(',')
        ->check(within(1, 1024))
        ->type_name("LIST");
  }
  add_put_options(command, settings, options);
  if (options.ways) {
    if (options.fio) settings.ways.emplace_back("fio");
    const auto known = settings.ways;
    command.add_option("--ways", settings.ways, fmt::format("Which of {}", fmt::join(known, ",")))
        ->delimiter(',')
        ->check(CLI::IsMember(known).description(""))
        ->type_name("LIST");
  }
}

/// Every repeat, as long as nothing fails and nobody interrupts.
Result<void> measure_all(Study& study, const StudyInfo& info, const StudySettings& settings,
                         Figures& figures) {
  SILT_TRY(study.set_up());
  Progress progress(std::string(info.name), settings.repeat);
  for (unsigned repeat = 0; repeat < settings.repeat; ++repeat) {
    SILT_TRY(study.measure(figures));
    progress.add(1);
  }
  return {};
}

/// What is wrong with the settings as a whole, or with this build; empty if nothing is.
std::string find_fault(const StudySettings& settings, const Build& build) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(settings.dir, ignored)) {
    return fmt::format("{} is not a directory", settings.dir);
  }
  if (!build.unfit.empty() && !settings.force) {
    return fmt::format(
        "this build is not meant to be measured: {}. Build with --buildtype=release, or say "
        "--force",
        build.unfit);
  }
  return {};
}

int run(const StudyInfo& info, const StudySettings& settings) {
  const Build build = describe_build();
  if (const std::string fault = find_fault(settings, build); !fault.empty()) {
    complain(fault);
    return tools::kExitUsage;
  }
  const Host host = describe_host(settings.dir);
  std::FILE* const out = text_stream(settings.json_path);
  auto outcome = tell(out, format_study_head(info, settings, host, build));
  tools::catch_interrupts();
  Figures figures;
  const auto study = info.make(settings);
  if (outcome) outcome = measure_all(*study, info, settings, figures);
  const bool complete = outcome.has_value();
  if (!figures.all().empty()) study->conclude(figures);
  if (const auto told = tell(out, format_figures(figures)); outcome) outcome = told;
  if (tools::interrupted()) {
    complain("interrupted: the results above are not complete");
  } else if (!outcome) {
    complain(outcome.error().to_string());
  }
  if (!settings.json_path.empty() &&
      !write_json(settings.json_path,
                  format_study_json(info, settings, host, build, figures, complete))) {
    return tools::kExitIo;
  }
  if (tools::interrupted()) return tools::kExitInterrupted;
  return outcome ? tools::kExitOk : tools::exit_code_for(outcome.error().code());
}

std::string example(const StudyInfo& info, std::string_view command) {
  const std::string_view ways =
      "Ways: plain system calls; posix and ring, the backends of the engine; fio where it is "
      "installed.\n\n";
  return fmt::format(
      "{}Example: kvbench {}\n"
      "Exit codes: 0 ok, 2 usage, 3 wrong data was read, 4 I/O error, 130 interrupted.",
      info.options.ways ? ways : "", command);
}

}  // namespace

void add_preset_command(CLI::App& app, int& exit_code) {
  CLI::App* group = app.add_subcommand("preset", "Run a ready study of one thing");
  group->require_subcommand(1);
  group->footer("Example: kvbench preset io-depth --dir /var/tmp --repeat 5");
  for (const StudyInfo& info : presets()) {
    auto settings = std::make_shared<StudySettings>();
    settings->dir = default_dir();
    CLI::App* command = group->add_subcommand(std::string(info.name), std::string(info.summary));
    command->footer(example(info, fmt::format("preset {} --json out.json", info.name)));
    command->add_option("--dir", settings->dir, "Where to make files, and remove them afterwards")
        ->type_name("DIR")
        ->capture_default_str();
    add_own_options(*command, *settings, info.options);
    add_general_options(*command, *settings);
    command->callback([&info, settings, &exit_code] { exit_code = run(info, *settings); });
  }
}

void add_device_command(CLI::App& app, int& exit_code) {
  const StudyInfo& info = device_study();
  auto settings = std::make_shared<StudySettings>();
  CLI::App* command = app.add_subcommand("device", std::string(info.summary));
  command->footer(example(info, "device /var/tmp --json out.json"));
  command->add_option("DIR", settings->dir, "A directory on the disk")->type_name("")->required();
  add_own_options(*command, *settings, info.options);
  add_general_options(*command, *settings);
  command->callback([&info, settings, &exit_code] { exit_code = run(info, *settings); });
}

}  // namespace siltstone::kvbench
