// Meter: see page_stats.h.
#include "page/page_stats.h"

#include <algorithm>
#include <chrono>

namespace siltstone::page {
namespace {

std::uint64_t per_second(std::uint64_t in_window) noexcept {
  return in_window * static_cast<std::uint64_t>(std::chrono::seconds(1) / Meter::kIopsWindow);
}

}  // namespace

io::Time Meter::started() {
  const io::Time now = clock_.now();
  const base::MutexLock lock(mutex_);
  ++stats_.started;
  stats_.peak_depth = std::max(stats_.peak_depth, stats_.depth());
  return now;
}

void Meter::ended(Operation operation, io::Time start, bool good, std::uint64_t bytes,
                  std::uint64_t buffers) {
  const io::Time now = clock_.now();
  const auto nanoseconds =
      static_cast<std::uint64_t>(std::max<io::Duration::rep>((now - start).count(), 0));
  const base::MutexLock lock(mutex_);
  ++stats_.ended;
  count_completion(now);
  if (!good) ++stats_.failed;
  if (buffers > 1) ++stats_.vectored;
  switch (operation) {
    case Operation::read:
      ++stats_.reads;
      if (good) stats_.bytes_read += bytes;
      stats_.read_latency.record(nanoseconds);
      break;
    case Operation::write:
      ++stats_.writes;
      if (good) stats_.bytes_written += bytes;
      stats_.write_latency.record(nanoseconds);
      break;
    case Operation::sync:
      ++stats_.syncs;
      stats_.sync_latency.record(nanoseconds);
      break;
  }
}

// A window ends when a completion of a later one is seen.
void Meter::count_completion(io::Time now) {
  const std::int64_t window = now.time_since_epoch() / kIopsWindow;
  if (window != window_) {
    if (in_window_ > 0) stats_.iops = per_second(in_window_);
    window_ = window;
    in_window_ = 0;
  }
  ++in_window_;
  stats_.peak_iops = std::max(stats_.peak_iops, per_second(in_window_));
}

void Meter::add_read_batch(std::uint64_t ranges, std::uint64_t merged, std::uint64_t deduplicated) {
  const base::MutexLock lock(mutex_);
  stats_.ranges_read += ranges;
  stats_.merged += merged;
  stats_.deduplicated += deduplicated;
}

void Meter::add_write_call(std::uint64_t overwritten_pages) {
  const base::MutexLock lock(mutex_);
  ++stats_.write_calls;
  stats_.overwritten += overwritten_pages;
}

void Meter::add_coalesced(std::uint64_t calls) {
  const base::MutexLock lock(mutex_);
  stats_.coalesced += calls;
}

PageStats Meter::snapshot() const {
  const base::MutexLock lock(mutex_);
  return stats_;
}

}  // namespace siltstone::page
