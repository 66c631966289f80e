// How an index lies in memory, and the search in it. For index.cc, its builder, and their tests.
//
//   index    | lines of heads | nodes | groups | offsets | ranges | text |         one allocation
//   node     a cache line; node 0 is the root. Its heads are a tree of lines, level by level:
//
//            level 0        | h h .. h |                       16 heads, so 17 lines below
//            level 1        | h .. h | h .. h | ..             head i of a line of upper levels is
//            last level     | h .. h | h .. h | h .. h | ..    the least below its child i + 1;
//                                                              the last level has all heads
//   group    separators with one head: the first of them, and the node for them if there is one
//   offsets  where the text of each separator begins, without the prefix that all share
//   ranges   only if keys fill several ranges: the range that each separator begins
//
// Lines are filled up with kNoHead, which no head lies above. So it is counted only for a head that
// is the same, and that one has all heads at or below it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/words.h"

namespace siltstone::table::trie {

inline constexpr unsigned kLineHeads = 16;
inline constexpr unsigned kLineChildren = kLineHeads + 1;
inline constexpr unsigned kMaxLevels = 5;
/// What that many levels hold: 16 * 17^4.
inline constexpr std::uint32_t kMaxHeads = 1'336'336;
/// Nodes above each other; what would go deeper is compared in full. Bounds what keys can be made
/// up to cost; each node takes eight bytes of a key, besides those it skips.
inline constexpr unsigned kMaxDepth = 16;
/// Separators with one head that are compared in full instead of getting a node.
inline constexpr std::uint32_t kMaxCompared = 4;

inline constexpr std::int64_t kNoHead = INT64_MAX;
inline constexpr std::uint32_t kNoGroups = UINT32_MAX;

struct alignas(64) HeadLine {
  std::array<std::int64_t, kLineHeads> heads;
};
static_assert(sizeof(HeadLine) == 128);

struct alignas(64) Node {
  std::uint64_t prefix_word = 0;  ///< Its first eight bytes, zeros behind them.
  std::uint32_t prefix_text = 0;  ///< Offset of all of it.
  std::uint32_t from = 0;         ///< Its place: bytes [from, head_at) of each separator here. The
  std::uint32_t head_at = 0;      ///< heads are the eight bytes behind; no separator ends before.
  std::uint32_t first = 0;        ///< Separators [first, end), of the node and all below it.
  std::uint32_t end = 0;
  std::uint32_t heads = 0;           ///< Distinct ones.
  std::uint32_t groups = kNoGroups;  ///< That of the first head; none when each has one separator.
  std::uint32_t levels = 0;
  std::array<std::uint32_t, kMaxLevels> level_at{};  ///< Its first line.
};
static_assert(sizeof(Node) == 64);

struct Group {
  std::uint32_t first = 0;  ///< Separator; that of the next group is the end.
  std::uint32_t child = 0;  ///< Node; 0 for none.
};

/// What a search needs. Separator 0 is the empty string, before all.
struct View {
  const HeadLine* lines = nullptr;
  const Node* nodes = nullptr;
  const Group* groups = nullptr;
  const std::uint32_t* offsets = nullptr;
  const char* text = nullptr;
  std::uint32_t prefix_bytes = 0;  ///< Of the prefix that all share.

  /// A separator without the prefix that all share.
  [[nodiscard]] std::string_view suffix(std::uint32_t separator) const noexcept {
    return {text + offsets[separator], offsets[separator + 1] - offsets[separator]};
  }
};

/// Counts one head after the other.
struct ScalarLine {
  /// How many heads of a line are not above `head`.
  [[nodiscard]] static unsigned count(const HeadLine& line, std::int64_t head) noexcept {
    unsigned count = 0;
    for (const std::int64_t other : line.heads) count += other <= head ? 1U : 0U;
    return count;
  }
};

/// Whether a key that agrees with all separators of a node before node.from comes before them all
/// (negative), behind them all (positive), or has their prefix (0).
[[nodiscard]] inline int compare_prefix(const View& view, const Node& node,
                                        std::string_view key) noexcept {
  const std::size_t size = node.head_at - node.from;
  const std::uint64_t word = base::leading_bytes(base::word_of(key, node.from), size);
  if (word != node.prefix_word) return word < node.prefix_word ? -1 : 1;
  if (size <= base::kWordBytes) return key.size() < node.head_at ? -1 : 0;
  const std::size_t rest = node.from + base::kWordBytes;
  if (key.size() < rest) return -1;
  const std::string_view prefix(view.text + node.prefix_text + base::kWordBytes,
                                size - base::kWordBytes);
  return key.substr(rest, prefix.size()).compare(prefix);
}

/// How many heads of a node are not above `head`.
template <typename Line>
[[nodiscard, gnu::always_inline]] inline std::uint32_t count_heads(const View& view,
                                                                   const Node& node,
                                                                   std::int64_t head) noexcept {
  if (head == kNoHead) [[unlikely]]
    return node.heads;
  std::uint32_t line = 0;
  for (std::uint32_t level = 0; level + 1 < node.levels; ++level) {
    line = line * kLineChildren + Line::count(view.lines[node.level_at[level] + line], head);
  }
  const HeadLine* const last = view.lines + node.level_at[node.levels - 1];
  return line * kLineHeads + Line::count(last[line], head);
}

/// The last separator of [first, end) that is not above `key`; first - 1 when all are. They and the
/// key agree in all bytes before `from`.
[[nodiscard]] inline std::uint32_t compare_all(const View& view, std::uint32_t first,
                                               std::uint32_t end, std::string_view key,
                                               std::size_t from) noexcept {
  const std::string_view rest = key.substr(from);
  while (first < end) {
    const std::uint32_t middle = first + (end - first) / 2;
    const bool is_above = rest < view.suffix(middle).substr(from - view.prefix_bytes);
    first = is_above ? first : middle + 1;
    end = is_above ? middle : end;
  }
  return first - 1;
}

/// The greatest separator not above `key`. REQUIRES: there is a root.
template <typename Line>
[[nodiscard, gnu::always_inline]] inline std::uint32_t search(const View& view,
                                                              std::string_view key) noexcept {
  for (const Node* node = view.nodes;;) {
    const int order = compare_prefix(view, *node, key);
    if (order != 0) return (order < 0 ? node->first : node->end) - 1;
    const std::int64_t head = base::head_of(base::word_of(key, node->head_at));
    const std::uint32_t count = count_heads<Line>(view, *node, head);
    if (count == 0) return node->first - 1;
    const HeadLine* const last = view.lines + node->level_at[node->levels - 1];
    const bool is_same = last[(count - 1) / kLineHeads].heads[(count - 1) % kLineHeads] == head;
    if (node->groups == kNoGroups) {
      const std::uint32_t found = node->first + count - 1;
      return is_same ? compare_all(view, found, found + 1, key, node->head_at) : found;
    }
    const Group* const group = view.groups + node->groups + count - 1;
    if (!is_same) return group[1].first - 1;
    if (group->child == 0) {
      return compare_all(view, group->first, group[1].first, key, node->head_at);
    }
    node = view.nodes + group->child;
  }
}

using Search = std::uint32_t (*)(const View& view, std::string_view key) noexcept;

/// A way of searching.
struct SearchPath {
  const char* name;
  bool (*usable)() noexcept;
  Search search;
};

/// All that were compiled, slowest first; the last usable one is chosen.
[[nodiscard]] std::span<const SearchPath> all_search_paths() noexcept;

std::uint32_t search_scalar(const View& view, std::string_view key) noexcept;
#if defined(__x86_64__)
std::uint32_t search_avx2(const View& view, std::string_view key) noexcept;
#endif

extern constinit std::atomic<Search> chosen_search;

}  // namespace siltstone::table::trie
