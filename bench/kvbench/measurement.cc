// Figures that follow from the measured ones.
#include "measurement.h"

#include <algorithm>

namespace siltstone::kvbench {
namespace {

std::vector<const Measurement*> by_throughput(const Row& row) {
  std::vector<const Measurement*> runs;
  runs.reserve(row.runs.size());
  for (const Measurement& run : row.runs) runs.push_back(&run);
  std::ranges::sort(runs, {}, [](const Measurement* run) { return run->ops_per_second(); });
  return runs;
}

}  // namespace

const Measurement& median_run(const Row& row) {
  const auto runs = by_throughput(row);
  return *runs[(runs.size() - 1) / 2];
}

std::optional<double> spread(const Row& row) {
  if (row.runs.size() < 2) return std::nullopt;
  const auto runs = by_throughput(row);
  const double range = runs.back()->ops_per_second() - runs.front()->ops_per_second();
  return range / median_run(row).ops_per_second();
}

base::Histogram merged_latency(const Row& row) {
  base::Histogram merged;
  for (const Measurement& run : row.runs) merged.merge(run.latency);
  return merged;
}

std::optional<double> write_amplification(const Row& row, const Measurement& run) {
  if (row.workload->kind != WorkloadKind::fill || !run.written_bytes) return std::nullopt;
  return static_cast<double>(*run.written_bytes) / static_cast<double>(run.tally.user_bytes);
}

std::optional<double> space_amplification(const Measurement& run, std::size_t entry_bytes) {
  if (!run.disk_bytes || run.entries == 0) return std::nullopt;
  return static_cast<double>(*run.disk_bytes) / static_cast<double>(run.entries * entry_bytes);
}

}  // namespace siltstone::kvbench
