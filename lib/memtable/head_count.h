// The inner loop of every search in a node: how many of its heads lie below one.
//
// Heads are those of base/words.h. Slots not in use hold kNoHead, which nothing lies above, so that
// the loop has a fixed length and no mask.
//
// Chosen at run time: AVX2 where there is one, else (and under ThreadSanitizer, since vector loads
// race with the writer by the letter, though what they read is validated) a loop of relaxed loads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/words.h"

namespace siltstone::memtable {

using base::head_of;
using base::word_of_head;

inline constexpr unsigned kSlots = 40;
inline constexpr std::int64_t kNoHead = INT64_MAX;

using Heads = std::array<std::atomic<std::int64_t>, kSlots>;

using CountBelow = unsigned (*)(const Heads& heads, std::int64_t head) noexcept;

struct CountPath {
  const char* name;
  bool (*usable)() noexcept;  // whether this processor can
  CountBelow count;
};

/// All that were compiled, slowest first; the last usable one is chosen.
[[nodiscard]] std::span<const CountPath> all_count_paths() noexcept;

unsigned count_below_scalar(const Heads& heads, std::int64_t head) noexcept;
#if defined(__x86_64__)
bool has_avx2() noexcept;
unsigned count_below_avx2(const Heads& heads, std::int64_t head) noexcept;
#endif

extern constinit std::atomic<CountBelow> chosen_count_below;

/// How many heads are less than `head`.
[[nodiscard]] inline unsigned count_below(const Heads& heads, std::int64_t head) noexcept {
  return chosen_count_below.load(std::memory_order_relaxed)(heads, head);
}

/// The same as a type, for functions that are compiled for one way of counting.
struct ChosenCount {
  [[nodiscard]] static unsigned below(const Heads& heads, std::int64_t head) noexcept {
    return count_below(heads, head);
  }
};

}  // namespace siltstone::memtable
