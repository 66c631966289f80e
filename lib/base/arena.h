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
/// builds densely (an index over it) from the back. allocate() and give_back() are thread-safe,
/// prefault() too; allocate_back() is for one thread at a time; at() may be called by any thread
/// that was handed the offset with acquire and release. Moving and reset() need exclusion.
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

  /// Room for `bytes`, aligned to a power of two from kUnitBytes to kMaxAlignment. 0 when they do
  /// not fit any more; smaller ones still may.
  [[nodiscard]] Offset allocate(std::size_t bytes, std::size_t alignment = kUnitBytes) noexcept;
  /// The same from the back.
  [[nodiscard]] Offset allocate_back(std::size_t bytes, std::size_t alignment) noexcept;
  /// Takes back a piece that allocate() gave and nobody has seen. False, and it stays given out,
  /// when another piece was given out behind it.
  bool give_back(Offset offset, std::size_t bytes) noexcept;

  [[nodiscard]] std::byte* at(Offset offset) const noexcept {
    return base_ + std::size_t{offset} * kUnitBytes;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// Bytes given out, with what alignment and the null offset took.
  [[nodiscard]] std::size_t used() const noexcept { return used_front() + used_back(); }
  [[nodiscard]] std::size_t used_front() const noexcept {
    return std::size_t{front_of(ends_.load(std::memory_order_relaxed))} * kUnitBytes;
  }
  [[nodiscard]] std::size_t used_back() const noexcept {
    return std::size_t{back_of(ends_.load(std::memory_order_relaxed))} * kUnitBytes;
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

  // Both ends in one word, in units, so that they cannot pass each other unnoticed.
  static constexpr std::uint64_t pack(std::uint64_t front, std::uint64_t back) noexcept {
    return back << 32 | front;
  }
  static constexpr std::uint32_t front_of(std::uint64_t ends) noexcept {
    return static_cast<std::uint32_t>(ends);
  }
  static constexpr std::uint32_t back_of(std::uint64_t ends) noexcept {
    return static_cast<std::uint32_t>(ends >> 32);
  }

  std::byte* base_;
  std::size_t capacity_;
  std::atomic<std::uint64_t> ends_{pack(1, 0)};
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
