// The word through which a cached frame or object is found: one atomic load, no hashing. Whoever
// knows of the thing in its stored form (a partition of its blocks, a root of its partitions) has
// an array of such words, 0 where nothing is cached.
//
//   63           48 47                                          6 5      2   1      0
//   +--------------+---------------------------------------------+--------+------+-------+
//   | meta         | address / 64                                | 0      |object|touched|
//   +--------------+---------------------------------------------+--------+------+-------+
//
// meta is the loader's: what a reader wants to know before it touches the frame, such as how many
// lines to prefetch. The address is that of a frame's bytes or of a CachedObject. `touched` is the
// bit of the CLOCK: a reader sets it where it is clear, the cache clears it. The word is loaded
// anyway, so that a hit on a touched frame writes nothing and looks nowhere else.
//
// Only the cache, under its lock, changes a word otherwise: from 0 to a thing, and back to 0.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/yield.h"

namespace siltstone::table {

using FrameWord = std::atomic<std::uint64_t>;

/// What a word leads to.
struct FrameView {
  const std::byte* data = nullptr;  ///< Null: nothing is cached.
  std::uint16_t meta = 0;

  explicit operator bool() const noexcept { return data != nullptr; }
};

namespace frame_word {

inline constexpr std::uint64_t kTouched = 1;
inline constexpr std::uint64_t kObject = 2;
inline constexpr std::uint64_t kAddress = (std::uint64_t{1} << 48) - 64;

[[nodiscard]] inline std::uint64_t pack(const void* address, std::uint16_t meta,
                                        std::uint64_t flags) noexcept {
  const auto bits = reinterpret_cast<std::uintptr_t>(address);
  SILT_ASSERT((bits & ~kAddress) == 0);
  return std::uint64_t{meta} << 48 | bits | flags;
}

[[nodiscard]] inline std::byte* address_of(std::uint64_t word) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the pointer shares its word with other things.
  return reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(word & kAddress));
}

[[nodiscard]] inline FrameView view_of(std::uint64_t word) noexcept {
  return {address_of(word), static_cast<std::uint16_t>(word >> 48)};
}

// A compare-exchange: the word may have become 0, or another thing's, and then stays so.
inline void touch(FrameWord& word, std::uint64_t seen) noexcept {
  if ((seen & kTouched) == 0 && seen != 0) [[unlikely]] {
    base::yield_point("cache: before a touch");
    word.compare_exchange_strong(seen, seen | kTouched, std::memory_order_relaxed);
  }
}

}  // namespace frame_word

/// The frame, for a reader that counts as a use of it. What it leads to stays as it is while the
/// caller's base::EpochGuard lives, which it REQUIRES.
[[nodiscard]] inline FrameView look(FrameWord& word) noexcept {
  const std::uint64_t seen = word.load(std::memory_order_acquire);
  frame_word::touch(word, seen);
  return frame_word::view_of(seen);
}

/// The same without counting as a use: for long scans and for merges.
[[nodiscard]] inline FrameView peek(const FrameWord& word) noexcept {
  return frame_word::view_of(word.load(std::memory_order_acquire));
}

}  // namespace siltstone::table
