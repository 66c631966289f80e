// The model test.
//
//   model_test --seeds A..B [--ops N] [--trace] [--plant NAME] [--twice]
//   model_test --seeds A..B --kills N
//
// Runs the seeds from A up to, without, B. The first violation ends it, with the one line that runs
// that seed again. --trace prints the calls of the run. --twice runs each seed twice and compares
// the trace hashes. With --plant, a bug is planted that some seed must find: exit code 0 if one
// does. --kills is another test: real files, and processes that are killed (killed_run.h).
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "model/killed_run.h"
#include "model/run.h"

using namespace siltstone::model;

namespace {

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t end = 101;
  std::uint64_t operations = 1000;
  std::uint64_t kills = 0;  ///< Of each store; 0: on the simulated machine.
  bool trace = false;
  bool twice = false;
  std::string plant_name = "none";
  Plant plant = Plant::none;
};

[[noreturn]] void usage() {
  std::fputs(
      "usage: model_test [--seeds A..B] [--ops N] [--trace] [--twice] [--plant NAME]\n"
      "       model_test [--seeds A..B] --kills N\n"
      "plants: skip_sync skip_durable_write skip_directory_sync ignore_write_error\n"
      "        accept_torn_frame retry_failed_sync acknowledge_early skip_timers lose_wakes\n"
      "        accept_stale_frame append_after_open reuse_session publish_early show_burnt\n"
      "        trust_burnt reuse_burnt drop_expiries\n",
      stderr);
  std::exit(2);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) usage();
  return value;
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> std::string_view {
      if (++i == argc) usage();
      return argv[i];
    };
    if (name == "--trace") {
      arguments.trace = true;
    } else if (name == "--twice") {
      arguments.twice = true;
    } else if (name == "--ops") {
      arguments.operations = number(value());
    } else if (name == "--kills") {
      arguments.kills = number(value());
    } else if (name == "--seeds") {
      const std::string_view range = value();
      const auto dots = range.find("..");
      if (dots == std::string_view::npos) usage();
      arguments.first = number(range.substr(0, dots));
      arguments.end = number(range.substr(dots + 2));
    } else if (name == "--plant") {
      arguments.plant_name = value();
      const auto plant = plant_from_name(arguments.plant_name);
      if (!plant) usage();
      arguments.plant = *plant;
    } else {
      usage();
    }
  }
  return arguments;
}

/// What went wrong with this seed, or empty.
std::string check(const Arguments& arguments, std::uint64_t seed, RunReport& total) {
  const RunOptions options{
      .seed = seed, .operations = arguments.operations, .plant = arguments.plant};
  const RunReport report = run(options, arguments.trace);
  if (arguments.trace) std::fputs(report.trace.c_str(), stdout);
  total.opens += report.opens;
  total.failed_opens += report.failed_opens;
  total.crashes += report.crashes;
  total.failed_writes += report.failed_writes;
  total.undecided_kept += report.undecided_kept;
  if (!report.violation.empty()) return report.violation;
  if (arguments.twice && run(options).trace_hash != report.trace_hash) {
    return "the same seed took another course the second time";
  }
  return {};
}

int run_kills(const Arguments& arguments) {
  RunReport total;
  for (std::uint64_t seed = arguments.first; seed < arguments.end; ++seed) {
    const RunReport report = run_killed(seed, arguments.kills);
    total.opens += report.opens;
    total.crashes += report.crashes;
    total.writes += report.writes;
    total.undecided_kept += report.undecided_kept;
    if (report.violation.empty()) continue;
    fmt::print("seed {}: {}\nagain: model_test --seeds {}..{} --kills {}\n", seed, report.violation,
               seed, seed + 1, arguments.kills);
    return 1;
  }
  fmt::print("{} kills: {} opens, {} writes, {} that were under way and there later\n",
             total.crashes, total.opens, total.writes, total.undecided_kept);
  const bool is_enough = total.opens >= total.crashes / 2 && total.writes >= total.crashes;
  if (!is_enough) fmt::print("the processes hardly did anything\n");
  return is_enough ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (arguments.kills != 0) return run_kills(arguments);
  const bool planted = arguments.plant != Plant::none;
  RunReport total;
  for (std::uint64_t seed = arguments.first; seed < arguments.end; ++seed) {
    const std::string wrong = check(arguments, seed, total);
    if (wrong.empty()) continue;
    fmt::print("seed {}: {}\n", seed, wrong);
    if (planted) {
      fmt::print("{} was found by seed {} of {}..{}\n", arguments.plant_name, seed, arguments.first,
                 arguments.end);
      return 0;
    }
    fmt::print("again: model_test --seeds {}..{} --ops {} --trace\n", seed, seed + 1,
               arguments.operations);
    return 1;
  }
  fmt::print(
      "{} seeds of {} operations: {} opens, {} that failed, {} power cuts, {} failed writes, "
      "{} of them there later\n",
      arguments.end - arguments.first, arguments.operations, total.opens, total.failed_opens,
      total.crashes, total.failed_writes, total.undecided_kept);
  if (planted) fmt::print("{} was not found\n", arguments.plant_name);
  return planted ? 1 : 0;
}
