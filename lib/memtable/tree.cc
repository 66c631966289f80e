// Reading a tree: down by optimistic steps, along by copies of leaves.
#include "memtable/tree.h"

#include <new>

#include "base/yield.h"

namespace siltstone::memtable {

Tree::Tree(base::Arena& arena) noexcept : arena_(arena) {
  last_leaf_ = &make_node<Node>(0);
  root_.store(offset_of(*last_leaf_), std::memory_order_release);
}

Offset Tree::offset_of(const Node& node) const noexcept {
  const auto distance = reinterpret_cast<const std::byte*>(&node) - arena_.at(0);
  return static_cast<Offset>(static_cast<std::size_t>(distance) / base::Arena::kUnitBytes);
}

Offset Tree::find(const Key& key) const noexcept {
  LeafCopy copy;
  const unsigned position = seek(key, copy);
  if (position == copy.count || !record(copy.records[position]).holds(key)) return 0;
  return copy.records[position];
}

unsigned Tree::seek(const Key& key, LeafCopy& copy) const noexcept {
  unsigned position = 0;
  while (!try_seek(&key, copy, position)) base::yield_point("memtable: seek again");
  return position;
}

void Tree::seek_last(LeafCopy& copy) const noexcept {
  unsigned position = 0;
  while (!try_seek(nullptr, copy, position)) base::yield_point("memtable: seek again");
  while (copy.next != 0) next(copy);
}

// Without a key: towards the last leaf.
bool Tree::try_seek(const Key* key, LeafCopy& copy, unsigned& position) const noexcept {
  const Offset root = root_.load(std::memory_order_acquire);
  base::yield_point("memtable: root read");
  const Node* here = &node(root);
  std::uint32_t version = here->lock.begin();
  if (root_.load(std::memory_order_acquire) != root) return false;
  std::size_t sure = 0;
  while (here->level != 0) {
    const unsigned count = here->count.load(std::memory_order_acquire);
    const Place place = key != nullptr ? search<Bound::upper>(arena_, *here, *key, sure)
                                       : Place{count, count, false};
    const Offset child = inner(*here).children[place.position].load(std::memory_order_acquire);
    sure = sure_of_child(*here, place, sure);
    base::yield_point("memtable: child found");
    if (!here->lock.is_still(version)) return false;
    const Node* const below = &node(child);
    base::yield_point("memtable: going down");
    const std::uint32_t version_below = below->lock.begin();
    if (!here->lock.is_still(version)) return false;
    here = below;
    version = version_below;
  }
  position = key != nullptr ? search<Bound::lower>(arena_, *here, *key, sure).position : 0;
  base::yield_point("memtable: leaf searched");
  copy_slots(*here, copy);
  copy.leaf = offset_of(*here);
  return here->lock.is_still(version);
}

void Tree::copy_slots(const Node& leaf, LeafCopy& copy) noexcept {
  copy.count = leaf.count.load(std::memory_order_acquire);
  base::yield_point("memtable: copying a leaf");
  for (unsigned i = 0; i < copy.count; ++i) {
    copy.records[i] = leaf.records[i].load(std::memory_order_acquire);
  }
  base::yield_point("memtable: records copied");
  copy.next = leaf.next.load(std::memory_order_acquire);
  copy.previous = leaf.previous.load(std::memory_order_acquire);
}

void Tree::copy_leaf(Offset leaf, LeafCopy& copy) const noexcept {
  copy.leaf = leaf;
  const Node& source = node(leaf);
  for (;;) {
    const std::uint32_t version = source.lock.begin();
    copy_slots(source, copy);
    base::yield_point("memtable: leaf copied");
    if (source.lock.is_still(version)) return;
  }
}

void Tree::next(LeafCopy& copy) const noexcept {
  if (copy.next == 0) {
    copy = {};
    return;
  }
  copy_leaf(copy.next, copy);
}

void Tree::previous(LeafCopy& copy) const noexcept {
  const Offset left = copy.leaf;
  if (copy.previous == 0) {
    copy = {};
    return;
  }
  copy_leaf(copy.previous, copy);
  while (copy.next != left) copy_leaf(copy.next, copy);
}

// The header and the offsets; heads are for searching.
void Tree::prefetch(Offset leaf) const noexcept {
  const Node& ahead = node(leaf);
  __builtin_prefetch(&ahead);
  for (unsigned i = 0; i < kSlots; i += 16) __builtin_prefetch(&ahead.records[i]);
}

}  // namespace siltstone::memtable
