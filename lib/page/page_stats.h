// What the page file did, counted exactly, and how long the device took.
#pragma once

#include <cstdint>

#include "base/histogram.h"
#include "base/mutex.h"
#include "io/clock.h"

namespace siltstone::page {

/// Counts since the file was opened. An *operation* is one transfer, of a batch or alone; what
/// callers asked for, before merging, is counted apart. What the kernel saw of it is in
/// io::UringStatistics: a transfer that comes short, or has over 64 buffers, is several requests.
struct PageStats {
  // Reads: ranges asked for, operations that brought them.
  std::uint64_t ranges_read = 0;   ///< Asked of PageReader.
  std::uint64_t reads = 0;         ///< Operations.
  std::uint64_t merged = 0;        ///< Ranges that shared an operation with another, less one each.
  std::uint64_t deduplicated = 0;  ///< Pages asked for again in one batch and copied.
  std::uint64_t bytes_read = 0;    ///< By operations, gaps included.
  // Writes: calls, operations that carried them.
  std::uint64_t write_calls = 0;    ///< Of ExtentWriter::write().
  std::uint64_t writes = 0;         ///< Operations, those of commits included.
  std::uint64_t coalesced = 0;      ///< Calls that shared an operation with another, less one each.
  std::uint64_t overwritten = 0;    ///< Pages replaced while buffered: never written.
  std::uint64_t bytes_written = 0;  ///< By operations that succeeded.
  std::uint64_t vectored = 0;       ///< Operations of more than one buffer, reads and writes.
  std::uint64_t syncs = 0;
  std::uint64_t failed = 0;  ///< Operations and syncs that ended in an error.
  // The queue.
  std::uint64_t started = 0;     ///< Operations and syncs.
  std::uint64_t ended = 0;       ///< The same.
  std::uint64_t peak_depth = 0;  ///< Most under way at once.
  std::uint64_t iops = 0;        ///< Ended per second, in the last full window that had any.
  std::uint64_t peak_iops = 0;   ///< And in the busiest one.
  base::Histogram read_latency;  ///< From start to end seen.
  base::Histogram write_latency;
  base::Histogram sync_latency;

  /// Under way now.
  [[nodiscard]] std::uint64_t depth() const noexcept { return started - ended; }
};

enum class Operation : std::uint8_t { read, write, sync };

/// Keeps PageStats. Thread-safe: a lock per operation, which costs a hundredth of the operation.
class Meter {
 public:
  /// Completions are counted over windows of this length.
  static constexpr io::Duration kIopsWindow = std::chrono::milliseconds(100);

  explicit Meter(io::Clock& clock) noexcept : clock_(clock) {}

  /// An operation starts; the result goes to ended().
  [[nodiscard]] io::Time started();
  void ended(Operation operation, io::Time start, bool good, std::uint64_t bytes,
             std::uint64_t buffers);

  void add_read_batch(std::uint64_t ranges, std::uint64_t merged, std::uint64_t deduplicated);
  void add_write_call(std::uint64_t overwritten_pages);
  void add_coalesced(std::uint64_t calls);

  [[nodiscard]] PageStats snapshot() const;
  [[nodiscard]] io::Clock& clock() const noexcept { return clock_; }

 private:
  void count_completion(io::Time now) SILT_REQUIRES(mutex_);

  io::Clock& clock_;  // outlives this
  mutable base::Mutex mutex_;
  PageStats stats_ SILT_GUARDED_BY(mutex_);
  std::int64_t window_ SILT_GUARDED_BY(mutex_) = 0;
  std::uint64_t in_window_ SILT_GUARDED_BY(mutex_) = 0;
};

}  // namespace siltstone::page
