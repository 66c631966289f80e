// Memory for structures that grow, are read by many, and are forgotten as a whole, such as
// memtables: one mapping of a size fixed at its making, addressed by 4-byte offsets.
//
// Invariants:
// 1. An offset given out stays valid until reset() or destruction, and always lies in the mapping;
//    so a reader with a stale offset reads old bytes, never foreign memory.
// 2. Nothing is ever moved, nor freed singly, but for a piece that nobody has seen yet. Fresh and
//    recycled memory holds bytes of no meaning.
// 3. A pool gives mappings back to new owners with their pages still in memory: fresh memory costs
//    0.1 to 10 us a page, which no write should pay.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <siltstone/error.h>

#include "base/mutex.h"

namespace siltstone::base {

/// Pieces are given out from both ends: what many threads fill from the front, what one thread
/// builds densely (an index over it) from the back. The back is promised first, by whoever
/// allocates at the front, so that the two never meet and the one is never refused. allocate(),
/// promise(), take_back() and prefault() are thread-safe; allocate_back() is for one thread at a
/// time; at() may be called by any thread that was handed the offset with acquire and release.
/// Moving and reset() need exclusion.
class Arena {
 public:
  /// Counts 8-byte units from the start of the mapping; 0 is no place.
  using Offset = std::uint32_t;
  static constexpr std::size_t kUnitBytes = 8;
  /// Whole pages whose units, and the number of them, fit an Offset.
  static constexpr std::size_t kMaxBytes = (std::size_t{UINT32_MAX} + 1) * kUnitBytes - 4096;
  static constexpr std::size_t kMaxAlignment = 4096;

  /// Maps `bytes`, rounded up to whole pages. `invalid_argument` for 0 or more than kMaxBytes,
  /// `out_of_memory` when there is no room for the mapping.
  [[nodiscard]] static Result<Arena> create(std::size_t bytes) noexcept;

  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  /// Room for `bytes` at the front, a multiple of kUnitBytes from the start, and a promise of
  /// `back_bytes` more at the back. 0 when they do not fit any more; smaller ones still may.
  [[nodiscard]] Offset allocate(std::size_t bytes, std::size_t back_bytes = 0) noexcept;
  /// Promises bytes at the back. False when they do not fit any more.
  [[nodiscard]] bool promise(std::size_t back_bytes) noexcept;
  /// Room for `bytes` of those promised, aligned to a power of two from kUnitBytes to
  /// kMaxAlignment.
  /// REQUIRES: the promises cover it, and all before it, with what alignment takes.
  [[nodiscard]] Offset allocate_back(std::size_t bytes, std::size_t alignment) noexcept;
  /// Takes back a promise of which nothing was used. With `bytes` also a piece at `offset` that
  /// nobody has seen, if it is the last one at the front: tells whether it was.
  bool take_back(std::size_t back_bytes, Offset offset = 0, std::size_t bytes = 0) noexcept;

  [[nodiscard]] std::byte* at(Offset offset) const noexcept {
    return base_ + std::size_t{offset} * kUnitBytes;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// Bytes given out at the front, with the null offset.
  [[nodiscard]] std::size_t used_front() const noexcept {
    return std::size_t{front_of(ends_.load(std::memory_order_relaxed))} * kUnitBytes;
  }
  /// Bytes given out at the back.
  [[nodiscard]] std::size_t used_back() const noexcept {
    return back_.load(std::memory_order_relaxed);
  }
  /// Bytes given out at the front or promised at the back: full at capacity().
  [[nodiscard]] std::size_t taken() const noexcept {
    const std::uint64_t ends = ends_.load(std::memory_order_relaxed);
    return (std::size_t{front_of(ends)} + promised_of(ends)) * kUnitBytes;
  }
  /// Bytes that may have been touched, by prefault() or use: the most it costs in memory.
  [[nodiscard]] std::size_t resident() const noexcept;
  /// Bytes at the front, from the start, that need no page of the kernel any more.
  [[nodiscard]] std::size_t faulted() const noexcept {
    return faulted_.load(std::memory_order_relaxed);
  }

  /// Brings the pages of the next `bytes` beyond used_front() into memory, as far as there are any
  /// and the kernel will (it can since Linux 5.14). Takes 0.1 to 10 us a page that is not there
  /// yet. Threads that ask for the same pages do not both pay.
  void prefault(std::size_t bytes) noexcept;

  /// Forgets everything; all offsets are void. Pages stay in memory.
  void reset() noexcept;

 private:
  Arena(std::byte* base, std::size_t capacity) noexcept;

  // What is given out at the front and promised at the back, in units: in one word, since one
  // locked instruction is what a small write can afford.
  static constexpr std::uint64_t pack(std::uint64_t front, std::uint64_t promised) noexcept {
    return promised << 32 | front;
  }
  static constexpr std::uint32_t front_of(std::uint64_t ends) noexcept {
    return static_cast<std::uint32_t>(ends);
  }
  static constexpr std::uint32_t promised_of(std::uint64_t ends) noexcept {
    return static_cast<std::uint32_t>(ends >> 32);
  }

  std::byte* base_;
  std::size_t capacity_;
  std::atomic<std::uint64_t> ends_{pack(1, 0)};
  std::atomic<std::size_t> back_{0};  // bytes; written by one thread at a time
  std::atomic<std::size_t> faulted_{0};
  std::size_t touched_back_ = 0;  // by uses before the last reset()
};

/// Arenas of one size for owners that come and go. Thread-safe.
class ArenaPool {
 public:
  /// Keeps at most `keep` idle ones. Throws only std::bad_alloc.
  ArenaPool(std::size_t arena_bytes, std::size_t keep);

  /// An idle arena, the one most recently given back, or a new one. Errors of Arena::create().
  [[nodiscard]] Result<Arena> take() noexcept;
  /// REQUIRES: it came from take(), and no reader has an offset into it.
  void give_back(Arena arena) noexcept;
  [[nodiscard]] std::size_t idle_count() noexcept;

 private:
  const std::size_t arena_bytes_;
  const std::size_t keep_;
  Mutex mutex_;
  std::vector<Arena> idle_ SILT_GUARDED_BY(mutex_);
};

}  // namespace siltstone::base
