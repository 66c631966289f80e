// Where keys first differ from a key that comes before all of them, as one number each: comparing
// two numbers orders two keys, without looking at what all three have in common.
//
// A key is a string of 4-byte words, big-endian, zeros behind its end. The code of a key K after a
// base B (B comes before K in the direction of the walk, or is the same) says at which word the two
// differ first, and what K has there: the later they differ, the less; at the same word, the less
// by the word (by its complement in a walk backward). For keys A and B after the same base:
// 1. code(A) < code(B): A comes before B, and the code of B after A is that of B after the base.
// 2. Equal codes: A and B share their words up to that one. They are compared from there on, and
//    the later one gets a new code after the other.
// So a merge that keeps the code of each candidate after the entry it put out last compares each
// byte of a key once, however long the prefixes are that keys share, wherever they begin to differ.
// (The field calls it offset-value coding; Conner 1977, Graefe and Do 2023.)
//
// Words alone do not tell "a" from "a\0": keys that agree in all words are ordered by length.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace siltstone::table {

using KeyCode = std::uint64_t;

/// Of a key that has the words of its base: before all others.
inline constexpr KeyCode kSameWords = 0;
/// Of no key: behind all others.
inline constexpr KeyCode kNoKey = UINT64_MAX;

inline constexpr std::size_t kKeyWordBytes = 4;

/// Eight bytes of a key from `at` on, big-endian, zeros behind its end. Never reads beyond the key.
[[nodiscard]] inline std::uint64_t key_bytes(std::string_view key, std::size_t at) noexcept {
  std::uint64_t bytes = 0;
  if (at + sizeof bytes <= key.size()) {
    std::memcpy(&bytes, key.data() + at, sizeof bytes);
    return __builtin_bswap64(bytes);
  }
  if (at >= key.size()) return 0;
  const auto missing = static_cast<unsigned>(at + sizeof bytes - key.size());
  if (key.size() >= sizeof bytes) {
    std::memcpy(&bytes, key.data() + key.size() - sizeof bytes, sizeof bytes);
    return __builtin_bswap64(bytes) << (8 * missing);
  }
  for (const char byte : key) bytes = bytes << 8 | static_cast<unsigned char>(byte);
  return bytes << (8 * missing);
}

/// Word `index` of a key.
[[nodiscard]] inline std::uint32_t key_word(std::string_view key, std::size_t index) noexcept {
  return static_cast<std::uint32_t>(key_bytes(key, index * kKeyWordBytes) >> 32);
}

/// The first word from `index` on in which two keys differ; SIZE_MAX when there is none.
[[nodiscard]] inline std::size_t first_difference(std::string_view a, std::string_view b,
                                                  std::size_t index = 0) noexcept {
  const std::size_t longer = a.size() < b.size() ? b.size() : a.size();
  for (std::size_t at = index * kKeyWordBytes; at < longer; at += sizeof(std::uint64_t)) {
    const std::uint64_t left = key_bytes(a, at);
    const std::uint64_t right = key_bytes(b, at);
    if (left != right) {
      return at / kKeyWordBytes + static_cast<std::size_t>(std::countl_zero(left ^ right)) / 32;
    }
  }
  return SIZE_MAX;
}

/// Whether a walk goes to larger keys or to smaller ones.
enum class Direction : std::uint8_t { forward, backward };

/// The codes of a walk in one direction.
class KeyCoder {
 public:
  explicit constexpr KeyCoder(Direction direction) noexcept
      : flip_(direction == Direction::forward ? 0 : UINT32_MAX) {}

  /// Of a key after the end at which the walk begins, from which every key differs at once.
  [[nodiscard]] KeyCode first(std::string_view key) const noexcept { return code(key, 0); }
  /// Of a key after `base`, as code(key, first_difference(base, key)).
  [[nodiscard]] KeyCode after(std::string_view base, std::string_view key) const noexcept {
    const std::size_t longer = base.size() < key.size() ? key.size() : base.size();
    for (std::size_t at = 0; at < longer; at += sizeof(std::uint64_t)) {
      const std::uint64_t left = key_bytes(base, at);
      const std::uint64_t right = key_bytes(key, at);
      if (left == right) continue;
      // The word is at hand: to load it by its index would take as long as all of the comparison.
      const auto half = static_cast<unsigned>(std::countl_zero(left ^ right)) / 32;
      const auto word = static_cast<std::uint32_t>(right >> (32 - 32 * half));
      return (kTop - at / kKeyWordBytes - half) << 32 | (word ^ flip_);
    }
    return kSameWords;
  }
  /// Of a key that differs from its base first at word `index`, or nowhere.
  [[nodiscard]] KeyCode code(std::string_view key, std::size_t index) const noexcept {
    if (index == SIZE_MAX) return kSameWords;
    return (kTop - index) << 32 | (key_word(key, index) ^ flip_);
  }
  /// The word that a code is about. REQUIRES: neither kSameWords nor kNoKey.
  [[nodiscard]] static std::size_t word_of(KeyCode code) noexcept { return kTop - (code >> 32); }
  /// Whether the code of `a` for its word at `index` is less than that of `b`.
  [[nodiscard]] bool precedes(std::string_view a, std::string_view b,
                              std::size_t index) const noexcept {
    return (key_word(a, index) ^ flip_) < (key_word(b, index) ^ flip_);
  }

 private:
  // Below the upper half of kNoKey, and far above the number of words of the longest key.
  static constexpr std::uint64_t kTop = UINT32_MAX - 1;

  std::uint32_t flip_;
};

}  // namespace siltstone::table
