// Strings of unsigned bytes by words: eight bytes from some place on as one big-endian number,
// zeros behind the end of the string.
//
// Words order strings: where they differ, the one with the smaller word is less. Two strings that
// agree in all their words differ at most in length ("a" and "a\0"), so that words decide, and then
// lengths.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace siltstone::base {

inline constexpr std::size_t kWordBytes = 8;

[[nodiscard]] inline std::uint64_t load_word(const char* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return __builtin_bswap64(word);
}

/// The first `count` bytes of a word (all of it from 8 on), zeros behind them.
[[nodiscard]] constexpr std::uint64_t leading_bytes(std::uint64_t word,
                                                    std::size_t count) noexcept {
  return count >= kWordBytes ? word : word & ~(~std::uint64_t{0} >> (8 * count));
}

/// How many leading bytes two words share: 0 to 8.
[[nodiscard]] constexpr std::size_t common_bytes(std::uint64_t a, std::uint64_t b) noexcept {
  return static_cast<std::size_t>(std::countl_zero(a ^ b)) / 8;
}

/// The word of a text from `at` on, which may lie behind its end; nothing beyond the end is read.
[[nodiscard]] inline std::uint64_t word_of(std::string_view text, std::size_t at) noexcept {
  if (at + kWordBytes <= text.size()) return load_word(text.data() + at);
  if (at >= text.size()) return 0;
  const std::size_t missing = kWordBytes - (text.size() - at);
  if (text.size() >= kWordBytes) {
    return load_word(text.data() + (text.size() - kWordBytes)) << (8 * missing);
  }
  std::uint64_t word = 0;
  for (const char c : text.substr(at)) word = word << 8 | static_cast<unsigned char>(c);
  return word << (8 * missing);
}

/// How many leading bytes two texts share.
[[nodiscard]] inline std::size_t shared_bytes(std::string_view a, std::string_view b) noexcept {
  const std::size_t shorter = a.size() < b.size() ? a.size() : b.size();
  std::size_t at = 0;
  for (; at + kWordBytes <= shorter; at += kWordBytes) {
    const std::size_t common = common_bytes(load_word(a.data() + at), load_word(b.data() + at));
    if (common < kWordBytes) return at + common;
  }
  while (at < shorter && a[at] == b[at]) ++at;
  return at;
}

/// A *head*: a word as a number of which signed comparison, the only one that AVX2 has, gives the
/// order of words. And back.
[[nodiscard]] constexpr std::int64_t head_of(std::uint64_t word) noexcept {
  return static_cast<std::int64_t>(word ^ (std::uint64_t{1} << 63));
}
[[nodiscard]] constexpr std::uint64_t word_of_head(std::int64_t head) noexcept {
  return static_cast<std::uint64_t>(head) ^ (std::uint64_t{1} << 63);
}

}  // namespace siltstone::base
