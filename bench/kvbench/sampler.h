// Which operations are timed: all of them, unless timing would cost a noticeable part of what it
// measures; then one in a period, which follows the speed of the operations.
//
// Every sample is counted as often as its period, so that percentiles stay those of all operations
// while the period changes. The largest latency is that of the timed ones.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/histogram.h"
#include "stopwatch.h"

namespace siltstone::kvbench {

/// Thread-bound.
class Sampler {
 public:
  /// True when the next operation is to be timed. Call once for each operation.
  [[nodiscard]] bool due() noexcept { return --countdown_ == 0; }
  /// The latency of the operation that was due.
  void record(std::uint64_t elapsed_ns) noexcept {
    latency_.record(elapsed_ns, period_);
    ++samples_;
    window_ns_ += elapsed_ns;
    if (++window_samples_ == kWindow) choose_period();
    countdown_ = period_;
  }

  /// Operations from one timed one to the next.
  [[nodiscard]] std::uint64_t period() const noexcept { return period_; }
  [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
  /// In nanoseconds.
  [[nodiscard]] const base::Histogram& latency() const noexcept { return latency_; }

 private:
  /// Timing may cost up to a fiftieth of the operations.
  static constexpr std::uint64_t kCostShare = 50;
  static constexpr std::uint64_t kLongestPeriod = 1024;
  static constexpr std::uint64_t kWindow = 64;

  void choose_period() noexcept {
    const std::uint64_t mean_ns = std::max<std::uint64_t>(window_ns_ / kWindow, 1);
    const std::uint64_t wanted = timing_cost_ns() * kCostShare / mean_ns;
    period_ = std::bit_ceil(std::clamp<std::uint64_t>(wanted, 1, kLongestPeriod));
    window_ns_ = 0;
    window_samples_ = 0;
  }

  std::uint64_t countdown_ = 1;
  std::uint64_t period_ = 1;
  std::uint64_t samples_ = 0;
  std::uint64_t window_ns_ = 0;
  std::uint64_t window_samples_ = 0;
  base::Histogram latency_;
};

}  // namespace siltstone::kvbench
