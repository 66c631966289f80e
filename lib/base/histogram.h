// Histograms of latencies in nanoseconds: 100 ns to 10 s, and somewhat beyond on both sides.
//
// Buckets are log-linear: every power of two from 64 ns to 17 s is cut into 32 equal parts. Taking
// the middle of a bucket for all its values is wrong by at most 1/64 (1.6 %); values under 64 ns
// share one bucket, values of 17 s and more count as the last one. Count, sum, least and greatest
// are exact.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace siltstone::base {

namespace latency {

inline constexpr unsigned kFirstPower = 6;  // 64 ns
inline constexpr unsigned kLastPower = 33;  // up to 2^34 ns, 17.2 s
inline constexpr unsigned kPartsPower = 5;  // 32 parts of each power of two
inline constexpr std::size_t kParts = 1 << kPartsPower;
inline constexpr std::size_t kBuckets = 1 + (kLastPower - kFirstPower + 1) * kParts;

constexpr std::size_t bucket_of(std::uint64_t nanoseconds) noexcept {
  if (nanoseconds < 1 << kFirstPower) return 0;
  const auto power = static_cast<unsigned>(std::bit_width(nanoseconds)) - 1;
  if (power > kLastPower) return kBuckets - 1;
  const std::uint64_t part = (nanoseconds >> (power - kPartsPower)) & (kParts - 1);
  return 1 + (power - kFirstPower) * kParts + static_cast<std::size_t>(part);
}

constexpr std::uint64_t middle_of(std::size_t bucket) noexcept {
  if (bucket == 0) return 1 << (kFirstPower - 1);
  const auto power = kFirstPower + static_cast<unsigned>((bucket - 1) / kParts);
  const std::uint64_t part = (bucket - 1) % kParts;
  const std::uint64_t width = std::uint64_t{1} << (power - kPartsPower);
  return (kParts + part) * width + width / 2;
}

}  // namespace latency

/// Latencies at rest: merged, asked for percentiles. 7 KiB. Not thread-safe.
class Histogram {
 public:
  /// `times`: how many latencies this one stands for, where only a sample is taken.
  void record(std::uint64_t nanoseconds, std::uint64_t times = 1) noexcept {
    counts_[latency::bucket_of(nanoseconds)] += times;
    count_ += times;
    sum_ += nanoseconds * times;
    min_ = std::min(min_, nanoseconds);
    max_ = std::max(max_, nanoseconds);
  }

  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Nanoseconds; 0 when empty, as for those below.
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }
  [[nodiscard]] std::uint64_t min() const noexcept { return count_ != 0 ? min_ : 0; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
  [[nodiscard]] double mean() const noexcept {
    return count_ != 0 ? static_cast<double>(sum_) / static_cast<double>(count_) : 0;
  }

  /// The least latency that at least `fraction` (0 to 1) of all do not exceed, with that error.
  [[nodiscard]] std::uint64_t percentile(double fraction) const noexcept {
    const auto rank = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    std::uint64_t left = std::max(static_cast<std::uint64_t>(rank), std::uint64_t{1});
    if (left >= count_) return max();
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] >= left) return std::clamp(latency::middle_of(i), min_, max_);
      left -= counts_[i];
    }
    return max();
  }

 private:
  friend class LatencyRecorder;

  std::array<std::uint64_t, latency::kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
};

/// Latencies as they happen, one recorder a thread: record() is the owning thread's alone and costs
/// a few plain loads and stores; add_to() may be called by any thread meanwhile.
class LatencyRecorder {
 public:
  void record(std::uint64_t nanoseconds) noexcept {
    add(counts_[latency::bucket_of(nanoseconds)], 1);
    add(sum_, nanoseconds);
    if (nanoseconds < min_.load(kRelaxed)) min_.store(nanoseconds, kRelaxed);
    if (nanoseconds > max_.load(kRelaxed)) max_.store(nanoseconds, kRelaxed);
  }

  /// Adds what was recorded so far; one that is just being recorded may be seen in part, so that
  /// sum, least or greatest miss it.
  void add_to(Histogram& histogram) const noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const std::uint64_t count = counts_[i].load(kRelaxed);
      histogram.counts_[i] += count;
      histogram.count_ += count;
    }
    histogram.sum_ += sum_.load(kRelaxed);
    histogram.min_ = std::min(histogram.min_, min_.load(kRelaxed));
    histogram.max_ = std::max(histogram.max_, max_.load(kRelaxed));
  }

 private:
  using Cell = std::atomic<std::uint64_t>;
  static constexpr auto kRelaxed = std::memory_order_relaxed;

  // Only one thread writes, so this needs no locked instruction.
  static void add(Cell& cell, std::uint64_t amount) noexcept {
    cell.store(cell.load(kRelaxed) + amount, kRelaxed);
  }

  std::array<Cell, latency::kBuckets> counts_{};
  Cell sum_{0};
  Cell min_{UINT64_MAX};
  Cell max_{0};
};

}  // namespace siltstone::base
