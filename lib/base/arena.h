// Memory for structures that are filled by one writer, read by many, and forgotten as a whole, such
// as memtables: one mapping of a size fixed at its making, addressed by 4-byte offsets.
//
// Invariants:
// 1. An offset given out stays valid until reset() or destruction, and always lies in the mapping;
//    so a reader with a stale offset reads old bytes, never foreign memory.
// 2. Nothing is ever moved or freed singly. Fresh and recycled memory holds bytes of no meaning.
// 3. A pool gives mappings back to new owners with their pages still in memory: fresh memory costs
//    1 to 10 us a page, which no write should pay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <siltstone/error.h>

#include "base/mutex.h"

namespace siltstone::base {

/// at() may be called by any thread that was handed the offset with acquire and release; everything
/// else needs exclusion.
class Arena {
 public:
  /// Counts 8-byte units from the start of the mapping; 0 is no place.
  using Offset = std::uint32_t;
  static constexpr std::size_t kUnitBytes = 8;
  static constexpr std::size_t kMaxBytes = std::size_t{UINT32_MAX} * kUnitBytes;
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

  [[nodiscard]] std::byte* at(Offset offset) const noexcept {
    return base_ + std::size_t{offset} * kUnitBytes;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// Bytes given out, with what alignment and the null offset took.
  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  /// Bytes that may have been touched, by prefault() or use: the most it costs in memory.
  [[nodiscard]] std::size_t resident() const noexcept { return resident_; }

  /// Brings the pages of the next `bytes` beyond used() into memory, as far as there are any and
  /// the kernel will. For background steps: takes 0.2 to 10 us a page that is not there yet.
  void prefault(std::size_t bytes) noexcept;

  /// Forgets everything; all offsets are void. Pages stay in memory.
  void reset() noexcept;

 private:
  Arena(std::byte* base, std::size_t capacity) noexcept;

  std::byte* base_;
  std::size_t capacity_;
  std::size_t used_ = kUnitBytes;
  std::size_t resident_ = 0;
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
