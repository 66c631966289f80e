// The words options are made of.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace siltstone {

/// How log frames are stored. The values are not what stands in files.
enum class Compression : std::uint8_t {
  none,
  snappy,  ///< Each frame is kept compressed if that saves an eighth of it.
};

/// How I/O reaches the kernel. The results are the same; where a ring cannot be had (an old kernel,
/// a sandbox, too little memory) plain calls take its place, and Stats::why_no_ring tells why.
enum class IoBackend : std::uint8_t {
  /// Rings for batches and for the threads of the store, plain calls where a call waits for one
  /// request: for the log.
  automatic,
  uring,  ///< As automatic, and the log too.
  posix,  ///< Plain system calls alone.
};

/// What opening does about a log whose end was lost.
///
/// A tail torn by a crash (bytes that no acknowledged write needs) never stops an open. This is
/// about damage: bytes that had been made durable and are no longer what was written.
enum class RecoveryMode : std::uint8_t {
  strict,    ///< Refuse with `corruption`, changing nothing. `kvdump wal` shows the place.
  truncate,  ///< Keep everything before the damage and give up everything behind it.
};

/// When a write returns, and what a crash may take back. In every mode a crash leaves the state
/// after some prefix of the writes, in the order they were committed.
enum class Durability : std::uint8_t {
  /// A write returns when it is on stable storage, and no read shows it before. Concurrent writers
  /// share one flush of the device.
  every_commit,
  /// A write returns when the operating system has it: a killed process loses nothing. A power cut
  /// loses at most the last Builder::sync_interval(), and one flush of the device.
  interval,
  /// A write returns when it is in memory. A kill or a power cut may lose every write since the
  /// last flush(), up to the bounds of Builder::write_back_cache() and write_buffer_ops().
  write_back,
};

/// Settings that go together; each may still be set otherwise.
enum class Preset : std::uint8_t {
  maximum_safety,   ///< every_commit, strict recovery: the defaults.
  balanced,         ///< interval of 100 ms.
  high_throughput,  ///< write_back of 64 MiB.
};

/// How one write is made.
struct WriteOptions {
  /// How long the value is there, from 1 ms: reads do not find it from then on. In a batch, for the
  /// values that were added without. Of no meaning to erase(). Default: for ever. See Db::put().
  std::optional<std::chrono::milliseconds> ttl = {};
  /// Longest wait for the write to be admitted and, where it waits for that, to be durable.
  /// Default: as long as it takes. 0: what needs no waiting. See Db::put().
  std::optional<std::chrono::nanoseconds> deadline = {};
  /// False: return as soon as the write has its place in the commit order, and leave the device to
  /// a thread of the store. Reads of an every_commit store show it once it is durable, so perhaps
  /// not at once; wait_durable() waits for that. Default: true.
  bool wait = true;
  /// Return only when the write, and with it every one before it, is on stable storage, whatever
  /// the mode of the store. Default: false.
  bool durable = false;
};

/// Why a write had to wait before it was admitted.
enum class StallCause : std::uint8_t {
  none,
  log_buffer,     ///< The buffer of the log was full of writes that are not on the device yet.
  large_write,    ///< A write too large for that buffer went first, or this is one.
  sync_interval,  ///< The device kept the store's flushes busy for longer than the interval.
};

/// Bounds of an iteration; both are copied when it starts. Keys are ordered as unsigned bytes, a
/// shorter key before the longer one it begins.
struct IterateOptions {
  std::string_view prefix = {};  ///< Only keys that begin with it. Default: every key.
  std::string_view from = {};    ///< First key of interest, inclusive. Default: the smallest.
  std::string_view to = {};      ///< End, exclusive. Empty (default): no end.
};

}  // namespace siltstone
