// What a memtable is ordered by: the keyspace, then the user's key, as one string of unsigned bytes
// of which a shorter one comes before those it begins.
//
// Everything here compares by words (base/words.h). Whatever is said of a shared prefix is meant so
// too: "a" shares the prefix "a\0" with "a\0b".
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ids.h"
#include "base/words.h"

namespace siltstone::memtable {

using base::common_bytes;
using base::kWordBytes;
using base::leading_bytes;
using base::load_word;
using base::word_of;

inline constexpr std::size_t kKeyspaceBytes = 4;

/// A key to look for; a view. From text alone it is one of the default keyspace.
struct Key {
  std::string_view user;
  base::KeyspaceId keyspace{};

  template <std::convertible_to<std::string_view> Text>
  Key(const Text& text) noexcept : user(text) {}
  Key(base::KeyspaceId space, std::string_view text) noexcept : user(text), keyspace(space) {}

  /// With the keyspace.
  [[nodiscard]] std::size_t size() const noexcept { return kKeyspaceBytes + user.size(); }
  [[nodiscard]] std::uint64_t word(std::size_t at) const noexcept {
    if (at >= kKeyspaceBytes) [[likely]]
      return word_of(user, at - kKeyspaceBytes);
    const std::uint64_t space = keyspace.value();
    return space << (32 + 8 * at) | word_of(user, 0) >> (8 * (kKeyspaceBytes - at));
  }
};

/// Orders two keys, each with size() and word(), that agree in all bytes before `from`.
template <typename A, typename B>
[[nodiscard]] std::strong_ordering compare(const A& a, const B& b, std::size_t from) noexcept {
  const std::size_t shorter = a.size() < b.size() ? a.size() : b.size();
  for (std::size_t at = from; at < shorter; at += kWordBytes) {
    const std::uint64_t left = a.word(at);
    const std::uint64_t right = b.word(at);
    if (left != right) return left <=> right;
  }
  return a.size() <=> b.size();
}

/// Orders the bytes [from, end) of two keys.
template <typename A, typename B>
[[nodiscard]] std::strong_ordering compare_within(const A& a, const B& b, std::size_t from,
                                                  std::size_t end) noexcept {
  for (std::size_t at = from; at < end; at += kWordBytes) {
    const std::uint64_t left = leading_bytes(a.word(at), end - at);
    const std::uint64_t right = leading_bytes(b.word(at), end - at);
    if (left != right) return left <=> right;
  }
  return std::strong_ordering::equal;
}

/// How many of the first `limit` bytes two keys share.
template <typename A, typename B>
[[nodiscard]] std::size_t shared_bytes(const A& a, const B& b, std::size_t limit) noexcept {
  for (std::size_t at = 0; at < limit; at += kWordBytes) {
    const std::size_t common = common_bytes(a.word(at), b.word(at));
    if (common < kWordBytes) return at + common < limit ? at + common : limit;
  }
  return limit;
}

}  // namespace siltstone::memtable
