// Which of many ranges of keys a key lies in: a search among *separators*, the strings at which one
// range ends and the next begins. So it finds the block in a partition, the partition in a table,
// and the table in a run.
//
// A trie of trees. A node of the trie covers separators that share their first bytes; it skips
// those, and takes the next eight of each separator as its head (base/words.h). Its distinct heads
// stand in a static B+ tree of sixteen heads a node, two cache lines, searched without a branch on
// them. A separator with a head of its own, as nearly all are, is decided by that alone. Of those
// that share one, a few are compared in full; more than a few that share all eight bytes get a node
// of their own, which begins behind them. So a search looks at few cold lines whether keys differ
// at once, or behind prefixes that vary, as those of tenants and hosts do.
//
// index_node.h has the layout and the search. Built once, never changed: any number of threads may
// search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "table/index_node.h"
#include "table/line_buffer.h"

namespace siltstone::table {

/// Where a range of keys begins: at the key that has this behind the prefix of all separators.
struct Separator {
  std::string_view suffix;
  std::uint32_t range = 0;
};

/// The shortest string that is above `low` and not above `high`: a view of the beginning of `high`.
/// REQUIRES: low < high.
[[nodiscard]] std::string_view shortest_separator(std::string_view low,
                                                  std::string_view high) noexcept;

class Index {
 public:
  /// No more than that many separators.
  static constexpr std::uint32_t kMaxSeparators = trie::kMaxHeads;

  /// Over the separators prefix + separators[i].suffix; copies what it needs of them. What lies
  /// before all of them is in range 0, which has no separator; nor have ranges that are only
  /// reached from the one before, such as those that one key fills besides its first. Throws
  /// std::bad_alloc.
  /// REQUIRES: separators and ranges (from 1) strictly ascend; all text is less than 4 GiB.
  [[nodiscard]] static Index build(std::string_view prefix, std::span<const Separator> separators);

  /// The range of `key`: that of the greatest separator at or below it, or 0.
  [[nodiscard]] std::uint32_t find(std::string_view key) const noexcept {
    const std::uint32_t separator = find_separator(key);
    return ranges_ == nullptr ? separator : ranges_[separator];
  }

  /// How many separators.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  /// Separator i, from 0, in full.
  [[nodiscard]] std::string separator(std::uint32_t i) const;

  [[nodiscard]] std::size_t memory_bytes() const noexcept { return memory_.size(); }

 private:
  friend class IndexBuilder;

  [[nodiscard]] std::uint32_t find_separator(std::string_view key) const noexcept {
    if (size_ == 0) return 0;
    return trie::chosen_search.load(std::memory_order_relaxed)(view_, key);
  }

  LineBuffer memory_;
  trie::View view_;
  const std::uint32_t* ranges_ = nullptr;  // null when separator i begins range i
  std::uint32_t size_ = 0;
};

}  // namespace siltstone::table
