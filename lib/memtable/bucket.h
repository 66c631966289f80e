// One cache line of the tag hash: ten tags, compared all at once, and ten offsets.
//
//   bucket, 64 bytes   | tags u16 * 10 | state u32 | records u32 * 10 |
//   state              | slots in use, 4 bits | overflowed, 1 | distances from home, 2 * 10 | ..
//
// A slot is filled before it is counted, and never emptied. A bucket is overflowed once anything
// that belongs here went to the next one.
//
// SSE2 is in every x86-64 processor. Its loads race with the writer by the letter, but a tag only
// suggests a record: a wrong one costs a comparison, a missed one is of a key linked meanwhile. So
// ThreadSanitizer, and other processors, get the loop.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "memtable/record.h"
#include "memtable/seqlock.h"

#if defined(__SSE2__) && !defined(SILT_THREAD_SANITIZER)
#include <emmintrin.h>
#endif

namespace siltstone::memtable {

/// The tags of which a segment is the place: those with these bits under the mask.
struct TagMask {
  std::uint16_t mask = 0;
  std::uint16_t bits = 0;

  [[nodiscard]] bool has(std::uint16_t tag) const noexcept { return (tag & mask) == bits; }
};

struct alignas(64) Bucket {
  static constexpr unsigned kSlots = 10;
  /// How far from home a record may be.
  static constexpr unsigned kMaxDistance = 3;

  std::array<std::atomic<std::uint16_t>, kSlots> tags;
  std::atomic<std::uint32_t> state{0};
  std::array<std::atomic<Offset>, kSlots> records;

  [[nodiscard]] static constexpr unsigned count_of(std::uint32_t state) noexcept {
    return state & 0xf;
  }
  [[nodiscard]] static constexpr bool overflowed(std::uint32_t state) noexcept {
    return (state & kOverflow) != 0;
  }
  [[nodiscard]] static constexpr unsigned distance_of(std::uint32_t state, unsigned slot) noexcept {
    return state >> shift_of(slot) & 3;
  }

  /// The slots in use with this tag, a bit each.
  [[nodiscard]] unsigned hits(std::uint32_t now, std::uint16_t tag) const noexcept {
    unsigned found = 0;
#if defined(__SSE2__) && !defined(SILT_THREAD_SANITIZER)
    const auto* const lanes = reinterpret_cast<const __m128i*>(this);
    const __m128i wanted = _mm_set1_epi16(static_cast<short>(tag));
    const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(lanes), wanted);
    const __m128i high = _mm_cmpeq_epi16(_mm_load_si128(lanes + 1), wanted);
    found = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
#else
    for (unsigned i = 0; i < kSlots; ++i) {
      found |= tags[i].load(std::memory_order_relaxed) == tag ? 1U << i : 0U;
    }
#endif
    return found & ((1U << count_of(now)) - 1);
  }

  // For the writer.

  /// A slot that may be filled: not in use, or with a tag that does not belong here any more;
  /// kSlots when there is none.
  [[nodiscard]] unsigned free_slot(TagMask members) const noexcept {
    const unsigned count = count_of(state.load(std::memory_order_relaxed));
    if (count < kSlots) return count;
    unsigned slot = 0;
    while (slot < kSlots && members.has(tags[slot].load(std::memory_order_relaxed))) ++slot;
    return slot;
  }
  void fill(unsigned slot, std::uint16_t tag, Offset record, unsigned distance) noexcept {
    std::uint32_t now = state.load(std::memory_order_relaxed);
    if (slot == count_of(now)) ++now;
    now = (now & ~(3U << shift_of(slot))) | distance << shift_of(slot);
    records[slot].store(record, std::memory_order_release);
    tags[slot].store(tag, std::memory_order_release);
    state.store(now, std::memory_order_release);
  }
  void mark_overflow() noexcept {
    state.store(state.load(std::memory_order_relaxed) | kOverflow, std::memory_order_release);
  }

 private:
  static constexpr std::uint32_t kOverflow = 1U << 4;
  [[nodiscard]] static constexpr unsigned shift_of(unsigned slot) noexcept { return 5 + 2 * slot; }
};
static_assert(sizeof(Bucket) == 64);

}  // namespace siltstone::memtable
