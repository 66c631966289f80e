// The words options are made of.
#pragma once

#include <cstdint>
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

/// Bounds of an iteration; both are copied when it starts. Keys are ordered as unsigned bytes, a
/// shorter key before the longer one it begins.
struct IterateOptions {
  std::string_view prefix = {};  ///< Only keys that begin with it. Default: every key.
  std::string_view from = {};    ///< First key of interest, inclusive. Default: the smallest.
  std::string_view to = {};      ///< End, exclusive. Empty (default): no end.
};

}  // namespace siltstone
