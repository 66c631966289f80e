// Writing a tree: into a leaf, and splits up to the root.
//
// A node that readers can reach is changed under its lock, or in a way that readers cannot see:
// a slot at `count`, then `count`.
#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/yield.h"
#include "memtable/tree.h"

namespace siltstone::memtable {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kRelease = std::memory_order_release;

constexpr unsigned kMiddle = kSlots / 2;

Key key_of(const Record& record) noexcept { return {record.keyspace(), record.user_key()}; }

}  // namespace

// The nodes that a split has locked, from the leaf up; unlocked together.
class Tree::Locked {
 public:
  Locked() = default;
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() {
    base::yield_point("memtable: split done");
    while (count_ != 0) {
      nodes_[--count_]->lock.unlock();
      base::yield_point("memtable: unlocked one");
    }
  }

  void add(Node& node) noexcept {
    node.lock.lock();
    nodes_[count_++] = &node;
    base::yield_point("memtable: locked one");
  }

 private:
  std::array<Node*, kMaxLevels> nodes_{};
  unsigned count_ = 0;
};

template <typename NodeType>
NodeType& Tree::make_node(unsigned level) noexcept {
  const Offset place = arena_.allocate_back(sizeof(NodeType), alignof(NodeType));
  bytes_.store(bytes_.load(kRelaxed) + sizeof(NodeType), kRelaxed);
  return *new (arena_.at(place)) NodeType(static_cast<std::uint16_t>(level));
}
template Node& Tree::make_node<Node>(unsigned level) noexcept;

void Tree::insert(const Key& key, Offset record) noexcept {
  if (appending_ && append(key, record)) return;
  Path path;
  descend(key, path);
  Node& leaf = *path.nodes[0];
  appending_ = &leaf == last_leaf_ && path.place.position == path.place.count;
  if (path.place.count == kSlots) {
    split_leaf(path, key, record);
  } else {
    insert_into_leaf(leaf, path.place, key, record);
  }
}

// The writer sees what it wrote: nothing to validate.
void Tree::descend(const Key& key, Path& path) const noexcept {
  Node* here = &node(root_.load(kRelaxed));
  std::size_t sure = 0;
  while (here->level != 0) {
    const Place place = search<Bound::upper>(arena_, *here, key, sure);
    path.nodes[here->level] = here;
    path.positions[here->level] = place.position;
    sure = sure_of_child(*here, place, sure);
    here = &node(inner(*here).children[place.position].load(kRelaxed));
  }
  path.nodes[0] = here;
  path.place = search<Bound::lower>(arena_, *here, key, sure);
}

// Ascending keys need no search: one comparison with the greatest.
bool Tree::append(const Key& key, Offset added) noexcept {
  Node& leaf = *last_leaf_;
  const unsigned count = leaf.count.load(kRelaxed);
  if (count == 0 || count == kSlots) return false;
  if (compare(key, record(leaf.records[count - 1].load(kRelaxed)), 0) <= 0) return false;
  const std::size_t prefix = leaf.prefix_bytes.load(kRelaxed);
  const Record& shared = record(leaf.prefix_record.load(kRelaxed));
  insert_into_leaf(leaf, {count, count, compare_within(key, shared, 0, prefix) == 0}, key, added);
  return true;
}

void Tree::insert_into_leaf(Node& leaf, Place place, const Key& key, Offset added) noexcept {
  if (place.position == place.count) {
    leaf.run = static_cast<std::int16_t>(std::max<int>(leaf.run, 0) + 1);
  } else {
    leaf.run = static_cast<std::int16_t>(place.position == 0 ? std::min<int>(leaf.run, 0) - 1 : 0);
  }
  // At the end of a leaf readers see nothing but a whole new slot. A split has it locked already;
  // its right half nobody sees yet, but a lock does no harm.
  const bool changes = place.position != place.count || !place.inside;
  const bool locks = changes && !leaf.lock.is_locked();
  if (locks) leaf.lock.lock();
  if (leaf.prefix_record.load(kRelaxed) == 0) {
    set_prefix(leaf, kKeyspaceBytes, added);  // the first key of all
  } else if (!place.inside) {
    shrink_prefix(leaf, key);
  }
  put_slot(leaf, place.position, head_of(key.word(leaf.prefix_bytes.load(kRelaxed))), added, 0);
  if (locks) leaf.lock.unlock();
}

// Makes room by moving what is behind, one slot at a time from the end. At the end nothing moves.
void Tree::put_slot(Node& node, unsigned position, std::int64_t head, Offset record,
                    Offset child) noexcept {
  const unsigned count = node.count.load(kRelaxed);
  SILT_ASSERT(count < kSlots && position <= count);
  for (unsigned i = count; i > position; --i) {
    node.heads[i].store(node.heads[i - 1].load(kRelaxed), kRelaxed);
    node.records[i].store(node.records[i - 1].load(kRelaxed), kRelease);
  }
  base::yield_point("memtable: slots moved");
  if (child != 0) {
    auto& children = inner(node).children;
    for (unsigned i = count; i > position; --i) {
      children[i + 1].store(children[i].load(kRelaxed), kRelease);
    }
    children[position + 1].store(child, kRelease);
  }
  node.records[position].store(record, kRelease);
  node.heads[position].store(head, kRelaxed);
  base::yield_point("memtable: slot filled");
  node.count.store(static_cast<std::uint16_t>(count + 1), kRelease);
}

void Tree::split_leaf(const Path& path, const Key& key, Offset added) noexcept {
  Node& left = *path.nodes[0];
  const unsigned position = path.place.position;
  unsigned at = kMiddle;
  if (position == kSlots && left.run >= static_cast<int>(kSlots)) at = kSlots;
  if (position == 0 && left.run <= -static_cast<int>(kSlots)) at = 0;

  Locked locked;
  locked.add(left);
  Node& right = make_node<Node>(0);
  const Offset right_offset = offset_of(right);
  set_prefix(right, left.prefix_bytes.load(kRelaxed), left.prefix_record.load(kRelaxed));
  move_slots(left, right, at);
  // Half of a run goes on in the half that it leads into.
  const int run = std::exchange(left.run, std::int16_t{0});
  if (at == kMiddle) {
    const int half = kMiddle;
    right.run = static_cast<std::int16_t>(std::clamp(run, 0, half));
    left.run = static_cast<std::int16_t>(std::clamp(run, -half, 0));
  }
  grow_prefix(left);
  grow_prefix(right);
  const bool goes_right = position > at || at == kSlots;
  Node& target = goes_right ? right : left;
  const unsigned count = target.count.load(kRelaxed);
  const std::size_t prefix = target.prefix_bytes.load(kRelaxed);
  const bool inside =
      compare_within(key, record(target.prefix_record.load(kRelaxed)), 0, prefix) == 0;
  insert_into_leaf(target, {goes_right ? position - at : position, count, inside}, key, added);

  const Offset behind = left.next.load(kRelaxed);
  right.next.store(behind, kRelaxed);
  right.previous.store(offset_of(left), kRelaxed);
  left.next.store(right_offset, kRelease);
  base::yield_point("memtable: right half linked");
  if (behind != 0) node(behind).previous.store(right_offset, kRelease);
  if (&left == last_leaf_) last_leaf_ = &right;
  insert_separator(path, right.records[0].load(kRelaxed), right_offset, locked);
}

// To a new node, which nobody sees yet, goes everything from slot `first` on.
void Tree::move_slots(Node& from, Node& to, unsigned first) noexcept {
  const unsigned count = from.count.load(kRelaxed);
  for (unsigned i = first; i < count; ++i) {
    to.heads[i - first].store(from.heads[i].load(kRelaxed), kRelaxed);
    to.records[i - first].store(from.records[i].load(kRelaxed), kRelease);
    from.heads[i].store(kNoHead, kRelaxed);
  }
  to.count.store(static_cast<std::uint16_t>(count - first), kRelease);
  from.count.store(static_cast<std::uint16_t>(first), kRelease);
}

// Up from the leaves, as far as parents are full.
void Tree::insert_separator(const Path& path, Offset separator, Offset right,
                            Locked& locked) noexcept {
  const unsigned root_level = node(root_.load(kRelaxed)).level;
  for (unsigned level = 1; level <= root_level; ++level) {
    InnerNode& parent = inner(*path.nodes[level]);
    const unsigned position = path.positions[level];
    locked.add(parent);
    if (parent.count.load(kRelaxed) < kSlots) {
      put_separator(parent, position, separator, right);
      return;
    }
    InnerNode& sibling = make_node<InnerNode>(level);
    const Offset middle = split_inner(parent, sibling);
    const bool goes_right = position > kMiddle;
    put_separator(goes_right ? sibling : parent, goes_right ? position - kMiddle - 1 : position,
                  separator, right);
    separator = middle;
    right = offset_of(sibling);
  }
  add_root(separator, right, root_level + 1);
}

// The separator in the middle moves up.
Offset Tree::split_inner(InnerNode& left, InnerNode& right) noexcept {
  set_prefix(right, left.prefix_bytes.load(kRelaxed), left.prefix_record.load(kRelaxed));
  const Offset middle = left.records[kMiddle].load(kRelaxed);
  for (unsigned i = kMiddle + 1; i <= kSlots; ++i) {
    right.children[i - kMiddle - 1].store(left.children[i].load(kRelaxed), kRelease);
  }
  move_slots(left, right, kMiddle + 1);
  left.heads[kMiddle].store(kNoHead, kRelaxed);
  left.count.store(kMiddle, kRelease);
  grow_prefix(left);
  grow_prefix(right);
  return middle;
}

void Tree::put_separator(InnerNode& parent, unsigned position, Offset separator,
                         Offset child) noexcept {
  const Key key = key_of(record(separator));
  const std::size_t prefix = parent.prefix_bytes.load(kRelaxed);
  if (compare_within(key, record(parent.prefix_record.load(kRelaxed)), 0, prefix) != 0) {
    shrink_prefix(parent, key);
  }
  put_slot(parent, position, head_of(key.word(parent.prefix_bytes.load(kRelaxed))), separator,
           child);
}

void Tree::add_root(Offset separator, Offset right, unsigned level) noexcept {
  SILT_ASSERT(level < kMaxLevels);
  InnerNode& root = make_node<InnerNode>(level);
  const Node& left = node(root_.load(kRelaxed));
  root.children[0].store(offset_of(left), kRelease);
  // One separator shares anything with itself; what it has in common with the keys to its left is
  // a good guess for those to come.
  const std::size_t prefix =
      shared_bytes(record(separator), record(left.prefix_record.load(kRelaxed)),
                   left.prefix_bytes.load(kRelaxed));
  set_prefix(root, prefix, separator);
  put_slot(root, 0, head_of(record(separator).word(prefix)), separator, right);
  root_.store(offset_of(root), kRelease);
}

// For a key from outside: down to what it shares.
void Tree::shrink_prefix(Node& node, const Key& key) noexcept {
  const Offset shared = node.prefix_record.load(kRelaxed);
  set_prefix(node, shared_bytes(key, record(shared), node.prefix_bytes.load(kRelaxed)), shared);
}

// Worth the touching of all records when at least half of each head is the same.
void Tree::grow_prefix(Node& node) noexcept {
  const unsigned count = node.count.load(kRelaxed);
  if (count < 2) return;
  const std::size_t prefix = node.prefix_bytes.load(kRelaxed);
  const std::uint64_t low = word_of_head(node.heads[0].load(kRelaxed));
  const std::uint64_t high = word_of_head(node.heads[count - 1].load(kRelaxed));
  std::size_t longer = prefix + common_bytes(low, high);
  if (longer < prefix + kWordBytes / 2) return;
  const Offset first = node.records[0].load(kRelaxed);
  if (longer == prefix + kWordBytes) {
    const Record& last = record(node.records[count - 1].load(kRelaxed));
    longer = shared_bytes(record(first), last, last.size());
  }
  // A prefix is counted in sixteen bits; beyond, ties are decided by whole keys.
  set_prefix(node, std::min<std::size_t>(longer, UINT16_MAX), first);
}

// Whatever mixture of old and new a reader gets is valid.
void Tree::set_prefix(Node& node, std::size_t bytes, Offset shared) noexcept {
  node.prefix_record.store(shared, kRelease);
  node.prefix_bytes.store(static_cast<std::uint16_t>(bytes), kRelease);
  const unsigned count = node.count.load(kRelaxed);
  for (unsigned i = 0; i < count; ++i) {
    const Record& each = record(node.records[i].load(kRelaxed));
    node.heads[i].store(head_of(each.word(bytes)), kRelaxed);
  }
}

}  // namespace siltstone::memtable
