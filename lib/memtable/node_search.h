// Where a key belongs in a node. For the writer, and for readers who validate afterwards: on a node
// that is being changed the answer is wrong, but its position is at most kSlots and every offset
// followed is valid.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "memtable/node.h"

namespace siltstone::memtable {

struct Place {
  unsigned position;  ///< At most `count`.
  unsigned count;     ///< Of the node, as it was read.
  bool inside;        ///< The key has the node's prefix.
};

/// Which of the two bounds is asked for.
enum class Bound : std::uint8_t {
  lower,  ///< The first slot at or above the key: where it is, or belongs, in a leaf.
  upper,  ///< The first slot above the key: the child that holds it, in an inner node.
};

/// Among [first, last), whose heads equal the key's: whole keys decide. They are cold, so all that
/// a binary search may look at are asked for at once.
template <Bound bound>
[[nodiscard]] unsigned search_ties(const base::Arena& arena, const Node& node, const Key& key,
                                   unsigned first, unsigned last, std::size_t from) noexcept {
  for (unsigned i = first; i < last; ++i) {
    const std::byte* const bytes = arena.at(node.records[i].load(std::memory_order_relaxed));
    __builtin_prefetch(bytes);
    __builtin_prefetch(bytes + sizeof(Record) + from);
  }
  while (first < last) {
    const unsigned middle = (first + last) / 2;
    bool is_before = false;
    if constexpr (bound == Bound::lower) {
      const Record& record = record_at(arena, node.records[middle].load(std::memory_order_acquire));
      is_before = compare(record, key, from) < 0;
    } else {
      is_before = compare(separator_of(arena, inner(node), middle), key, from) <= 0;
    }
    (is_before ? first : last) = is_before ? middle + 1 : middle;
  }
  return first;
}

/// Requires that the key is known to share its first `sure` bytes with all keys that were or ever
/// will be in the node; a prefix no longer than that is not looked at.
template <Bound bound, typename Count = ChosenCount>
[[nodiscard]] Place search(const base::Arena& arena, const Node& node, const Key& key,
                           std::size_t sure) noexcept {
  const unsigned count = node.count.load(std::memory_order_acquire);
  const std::size_t prefix = node.prefix_bytes.load(std::memory_order_acquire);
  if (prefix > sure) {
    const Record& record = record_at(arena, node.prefix_record.load(std::memory_order_acquire));
    const auto order = compare_within(key, record, sure, prefix);
    if (order != 0) return {order < 0 ? 0 : count, count, false};
  }
  const std::int64_t head = head_of(key.word(prefix));
  const unsigned first = std::min(Count::below(node.heads, head), count);
  unsigned last = first;
  while (last < count && node.heads[last].load(std::memory_order_relaxed) == head) ++last;
  if (first == last) return {first, count, true};
  return {search_ties<bound>(arena, node, key, first, last, prefix + kWordBytes), count, true};
}

/// What the child at `place` of an inner node is sure to share with a key that belongs there.
[[nodiscard]] inline std::size_t sure_of_child(const Node& node, Place place,
                                               std::size_t sure) noexcept {
  if (!place.inside || place.position == 0 || place.position == place.count) return sure;
  const auto low = node.heads[place.position - 1].load(std::memory_order_relaxed);
  const auto high = node.heads[place.position].load(std::memory_order_relaxed);
  return node.prefix_bytes.load(std::memory_order_relaxed) +
         common_bytes(word_of_head(low), word_of_head(high));
}

}  // namespace siltstone::memtable
