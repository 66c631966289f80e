// What one run of one workload on one engine gave, and the summary of several such runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "engine.h"
#include "worker.h"
#include "workload.h"

namespace siltstone::kvbench {

/// One run. What could not be measured is absent.
struct Measurement {
  Tally tally;
  std::uint64_t entries = 0;  ///< In the store when it ended.
  double seconds = 0;
  double cpu_seconds = 0;
  base::Histogram latency;  ///< Nanoseconds.
  std::uint64_t latency_samples = 0;
  std::optional<std::uint64_t> written_bytes;
  std::optional<std::uint64_t> disk_bytes;
  std::optional<std::uint64_t> syncs;
  std::optional<std::uint64_t> peak_rss_bytes;

  [[nodiscard]] double ops_per_second() const noexcept {
    return static_cast<double>(tally.ops) / seconds;
  }
};

/// All runs of one workload on one engine.
struct Row {
  const Engine* engine = nullptr;
  const Workload* workload = nullptr;
  std::vector<Measurement> runs;
};

/// The run whose throughput is the median (the lower one of two). Requires a run.
[[nodiscard]] const Measurement& median_run(const Row& row);
/// (fastest - slowest) / median of the throughput; nothing after a single run.
[[nodiscard]] std::optional<double> spread(const Row& row);
/// The latencies of all runs together.
[[nodiscard]] base::Histogram merged_latency(const Row& row);

/// Bytes written to the device per byte of keys and values put; only for fills.
[[nodiscard]] std::optional<double> write_amplification(const Row& row, const Measurement& run);
/// Bytes on disk per byte of live keys and values.
[[nodiscard]] std::optional<double> space_amplification(const Measurement& run,
                                                        std::size_t entry_bytes);

}  // namespace siltstone::kvbench
