// What a store tells about itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <siltstone/error.h>
#include <siltstone/options.h>

namespace siltstone {

/// The log since the store was opened.
struct LogStats {
  std::uint64_t records = 0;     ///< Writes: each a put, an erase or a batch.
  std::uint64_t operations = 0;  ///< In them.
  std::uint64_t bytes = 0;       ///< Of records, before compression.
  /// Groups that were made durable, by one flush of the device each; records / drains is the size
  /// of a group.
  std::uint64_t drains = 0;
  std::uint64_t rolls = 0;  ///< From a full segment to the next one.
  std::uint64_t marks = 0;  ///< Empty frames behind an idle log's last group.
  /// Mode interval: the log's buffer is the memory of a file, so that a write costs no system call.
  bool mapped = false;
  std::optional<Error> why_not_mapped = {};  ///< Where it is not, and the mode is interval.
  std::uint64_t tail_writes = 0;  ///< Groups given to the operating system by a call, instead.
  std::uint64_t stalls = 0;       ///< Writes that waited to be admitted.
  std::chrono::nanoseconds stalled{0};  ///< How long they waited, together.
  /// Time of a drain or mark, from the first byte to the end of the flush: half of them took at
  /// most as long, 99 in 100, and all.
  std::chrono::nanoseconds drain_p50{0};
  std::chrono::nanoseconds drain_p99{0};
  std::chrono::nanoseconds drain_max{0};
};

/// One moment of an open store; plain data, the caller's.
struct Stats {
  /// What came of Builder::io_backend(): uring where a ring was proved, else posix.
  IoBackend io_backend = IoBackend::posix;
  /// Why there are no rings although they were asked for: what the kernel or a sandbox refused.
  std::optional<Error> why_no_ring = {};
  /// Requests that fit into one ring, as the kernel made it; 0 without rings.
  std::uint32_t ring_depth = 0;
  bool sqpoll = false;  ///< In force.
  bool iopoll = false;  ///< In force, as far as is known: the first direct transfer proves it.
  std::optional<Error> why_no_sqpoll = {};  ///< Where it was asked for, and there are rings.
  std::optional<Error> why_no_iopoll = {};  ///< The same.
  /// Reads, writes and syncs that rings have carried out since the store was opened.
  std::uint64_t ring_completions = 0;
  LogStats log = {};  ///< Zeros when read-only.
};

}  // namespace siltstone
