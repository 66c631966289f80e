// The two inner loops of a block: which tags are equal to one, and how many heads lie below one.
// Free of branches on data. By SSE2, which every x86-64 has; elsewhere by words of 64 bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace siltstone::table {

/// A head is four bytes of a key as a number, the top bit flipped.
[[nodiscard]] constexpr std::int32_t head_of(std::uint32_t big_endian) noexcept {
  return static_cast<std::int32_t>(big_endian ^ 0x8000'0000U);
}

/// That of a key behind the prefix; not read beyond its end.
[[nodiscard]] inline std::int32_t head_of_suffix(std::string_view suffix) noexcept {
  std::uint32_t word = 0;
  if (suffix.size() >= sizeof word) [[likely]] {
    std::memcpy(&word, suffix.data(), sizeof word);
    return head_of(__builtin_bswap32(word));
  }
  for (std::size_t i = 0; i < sizeof word; ++i) {
    word = word << 8 | (i < suffix.size() ? static_cast<std::uint8_t>(suffix[i]) : 0U);
  }
  return head_of(word);
}

#if defined(__SSE2__)

/// Bit i is set when byte i is `tag`, of 16 bytes.
[[nodiscard]] inline std::uint32_t match_16(const char* tags, std::uint8_t tag) noexcept {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tags));
  const __m128i equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(static_cast<char>(tag)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(equal));
}

#else

/// The same, eight bytes a step: a byte of `differ` is zero where they are equal, and the sum has
/// the top bit of each byte that is not; the product gathers the eight top bits.
[[nodiscard]] inline std::uint32_t match_16(const char* tags, std::uint8_t tag) noexcept {
  constexpr std::uint64_t kLow = 0x7f7f'7f7f'7f7f'7f7f;
  std::uint32_t bits = 0;
  for (unsigned i = 0; i < 2; ++i) {
    std::uint64_t differ;
    std::memcpy(&differ, tags + 8 * i, sizeof differ);
    differ ^= 0x0101'0101'0101'0101 * std::uint64_t{tag};
    const std::uint64_t equal = ~(((differ & kLow) + kLow) | differ | kLow);
    bits |= static_cast<std::uint32_t>((equal >> 7) * 0x0102'0408'1020'4080 >> 56) << (8 * i);
  }
  return bits;
}

#endif

/// Bit i is set when byte i is `tag`, of `count` <= 64 bytes; but all 64 are read.
[[nodiscard]] inline std::uint64_t match_tags(const char* tags, std::uint32_t count,
                                              std::uint8_t tag) noexcept {
  const std::uint64_t low = match_16(tags, tag) | match_16(tags + 16, tag) << 16;
  const std::uint64_t high = match_16(tags + 32, tag) | match_16(tags + 48, tag) << 16;
  return (low | high << 32) & (~std::uint64_t{0} >> (64 - count));
}

/// Byte `i` of the heads, which need not be aligned.
[[nodiscard]] inline std::int32_t head_at(const char* heads, std::uint32_t i) noexcept {
  std::int32_t head;
  std::memcpy(&head, heads + std::size_t{4} * i, sizeof head);
  return head;
}

/// How many of `count` heads are below `head`; up to three more are read.
[[nodiscard]] inline std::uint32_t count_heads_below(const char* heads, std::uint32_t count,
                                                     std::int32_t head) noexcept {
#if defined(__SSE2__)
  alignas(16) static constexpr std::int32_t kLanes[4] = {0, 1, 2, 3};
  const __m128i wanted = _mm_set1_epi32(head);
  const auto below = [&](std::uint32_t at) {  // -1 in each lane that is below
    const auto* const place = reinterpret_cast<const __m128i*>(heads + std::size_t{4} * at);
    return _mm_cmplt_epi32(_mm_loadu_si128(place), wanted);
  };
  const std::uint32_t whole = count & ~3U;
  __m128i sums = _mm_setzero_si128();
  for (std::uint32_t at = 0; at < whole; at += 4) sums = _mm_add_epi32(sums, below(at));
  const __m128i lanes = _mm_load_si128(reinterpret_cast<const __m128i*>(kLanes));
  const __m128i rest = _mm_set1_epi32(static_cast<std::int32_t>(count - whole));
  sums = _mm_add_epi32(sums, _mm_and_si128(below(whole), _mm_cmplt_epi32(lanes, rest)));
  sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4e));
  sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0xb1));
  return static_cast<std::uint32_t>(-_mm_cvtsi128_si32(sums));
#else
  std::uint32_t below = 0;
  for (std::uint32_t i = 0; i < count; ++i) below += head_at(heads, i) < head ? 1 : 0;
  return below;
#endif
}

/// The same of heads in ascending order, any number of them: halves first.
[[nodiscard]] inline std::uint32_t lower_bound_head(const char* heads, std::uint32_t count,
                                                    std::int32_t head) noexcept {
  constexpr std::uint32_t kCounted = 32;
  std::uint32_t first = 0;
  while (count > kCounted) {
    const std::uint32_t half = count / 2;
    first += head_at(heads, first + half - 1) < head ? half : 0;
    count -= half;
  }
  return first + count_heads_below(heads + std::size_t{4} * first, count, head);
}

}  // namespace siltstone::table
