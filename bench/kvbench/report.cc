// Absent figures are printed as a dash.
#include "report.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "host_report.h"

namespace siltstone::kvbench {
namespace {

constexpr std::string_view kTableHead =
    "engine     workload         ops/s  +-%       p50       p95       p99     p99.9    p99.99"
    "       max  cpu us     WA    SA   disk MB   RSS MB\n";

std::string number_or_dash(std::optional<double> value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

std::optional<double> megabytes(std::optional<std::uint64_t> bytes) {
  if (!bytes) return std::nullopt;
  return static_cast<double>(*bytes) * 1e-6;
}

/// Three significant digits and a unit, since latencies span nanoseconds to seconds.
std::string duration_text(std::uint64_t nanoseconds) {
  double value = static_cast<double>(nanoseconds);
  std::string_view unit = "ns";
  for (const std::string_view next : {"us", "ms", "s"}) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  const int decimals = unit == "ns" || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return fmt::format("{:.{}f} {}", value, decimals, unit);
}

std::string format_row(const Row& row, std::size_t entry_bytes) {
  const Measurement& run = median_run(row);
  const base::Histogram latency = merged_latency(row);
  const auto share = spread(row);
  std::string line =
      fmt::format("{:<10} {:<12} {:>9.0f} {:>4}", row.engine->name, row.workload->name,
                  run.ops_per_second(), share ? fmt::format("{:.0f}", 100 * *share) : "-");
  for (const double fraction : {0.50, 0.95, 0.99, 0.999, 0.9999}) {
    line += fmt::format(" {:>9}", duration_text(latency.percentile(fraction)));
  }
  const double cpu_us = run.cpu_seconds * 1e6 / static_cast<double>(run.tally.ops);
  line += fmt::format(" {:>9} {:>7.2f} {:>6} {:>5} {:>9} {:>8}\n", duration_text(latency.max()),
                      cpu_us, number_or_dash(write_amplification(row, run), 2),
                      number_or_dash(space_amplification(run, entry_bytes), 2),
                      number_or_dash(megabytes(run.disk_bytes), 1),
                      number_or_dash(megabytes(run.peak_rss_bytes), 1));
  return line;
}

/// Says which latencies are not those of single operations, all of them timed.
std::string format_notes(std::span<const Row> rows) {
  std::string batches;
  std::string samples;
  for (const Row& row : rows) {
    const Measurement& run = median_run(row);
    const std::string name = fmt::format(" {} {}", row.engine->name, row.workload->name);
    if (row.workload->batched) {
      batches += name + ";";
    } else if (run.tally.ops / run.latency_samples > 1) {
      samples += fmt::format("{} 1 in {};", name, run.tally.ops / run.latency_samples);
    }
  }
  std::string text;
  if (!batches.empty()) text += fmt::format("latencies of whole batches:{}\n", batches);
  if (!samples.empty()) {
    text += fmt::format("latencies of a sample, since timing costs too much:{}\n", samples);
  }
  return text;
}

}  // namespace

std::string format_head(const Settings& settings, const Host& host, const Build& build,
                        std::span<const Engine* const> engines) {
  std::string text = format_host(host, build, settings.dir);
  text += fmt::format(
      "data      {} entries, keys {} B, values {} B ({:.0f} % compressible), seed {}\n"
      "loop      closed, {} thread{}, {} run{} of each{}\n",
      settings.num, settings.key_bytes, settings.value_bytes, 100 * settings.compressibility,
      settings.seed, settings.threads, settings.threads == 1 ? "" : "s", settings.repeat,
      settings.repeat == 1 ? "" : "s", settings.verify ? ", every answer verified" : "");
  for (const Engine* engine : engines) {
    text += fmt::format("engine    {} {}", engine->name, engine->version());
    std::string_view separator = ": ";
    for (const auto& [name, value] : engine->settings(settings.store)) {
      text += fmt::format("{}{} {}", std::exchange(separator, ", "), name, value);
    }
    text += '\n';
  }
  text += format_warnings(host, build);
  text +=
      settings.store.durability == Durability::power_cut
          ? "writes    survive a power cut: each one of every fill returns only when it is on the\n"
            "          device\n"
          : "writes    survive the end of the process, but fillsync's each a power cut\n";
  return text + '\n';
}

std::string format_run(const Engine& engine, const Workload& workload, const Measurement& run) {
  const double ops = static_cast<double>(run.tally.ops);
  std::string line = fmt::format(
      "{:<10} {:<12} : {:10.3f} micros/op {:.0f} ops/sec {:.3f} seconds {} operations; {:.1f} MB/s",
      engine.name, workload.name, run.seconds * 1e6 / ops, run.ops_per_second(), run.seconds,
      run.tally.ops, static_cast<double>(run.tally.user_bytes) * 1e-6 / run.seconds);
  const bool is_get =
      workload.kind == WorkloadKind::read_random || workload.kind == WorkloadKind::read_missing;
  if (is_get) line += fmt::format(" ({} of {} found)", run.tally.found, run.tally.ops);
  return line + '\n';
}

std::string format_table(std::span<const Row> rows, const Settings& settings) {
  std::string text = "\n";
  text += kTableHead;
  for (const Row& row : rows) text += format_row(row, settings.key_bytes + settings.value_bytes);
  return text + format_notes(rows);
}

}  // namespace siltstone::kvbench
