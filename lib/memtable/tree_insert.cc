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
  if (is_appending() && append(key, record)) return;
  Path path;
  approach(key, path);
  insert(key, record, path);
}

void Tree::insert(const Key& key, Offset record, const Path& path) noexcept {
  Node& leaf = *path.nodes[0];
  const Place place = search<Bound::lower>(arena_, leaf, key, path.sure);
  appending_.store(&leaf == last_leaf_ && place.position == place.count, kRelaxed);
  if (place.count == kSlots) {
    split_leaf(path, place.position, key, record);
  } else {
    insert_into_leaf(leaf, place, key, record);
  }
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
  put_slot(leaf, place.position, head_of(key.word(leaf.prefix_bytes.load(kRelaxed))), added);
  if (locks) leaf.lock.unlock();
}

// Makes room by moving what is behind, one slot at a time from the end. At the end nothing moves.
void Tree::put_slot(Node& node, unsigned position, std::int64_t head, Offset record) noexcept {
  const unsigned count = node.count.load(kRelaxed);
  SILT_ASSERT(count < kSlots && position <= count);
  for (unsigned i = count; i > position; --i) {
    node.heads[i].store(node.heads[i - 1].load(kRelaxed), kRelaxed);
    node.records[i].store(node.records[i - 1].load(kRelaxed), kRelease);
  }
  base::yield_point("memtable: slots moved");
  node.records[position].store(record, kRelease);
  node.heads[position].store(head, kRelaxed);
  base::yield_point("memtable: slot filled");
  node.count.store(static_cast<std::uint16_t>(count + 1), kRelease);
}

// How many keys stay in the left half.
unsigned Tree::split_point(const Node& leaf, unsigned position) noexcept {
  if (position == kSlots && leaf.run >= static_cast<int>(kSlots)) return kSlots;
  if (position == 0 && leaf.run <= -static_cast<int>(kSlots)) return 0;
  const auto common_at = [&leaf](unsigned i) {
    return common_bytes(word_of_head(leaf.heads[i - 1].load(kRelaxed)),
                        word_of_head(leaf.heads[i].load(kRelaxed)));
  };
  unsigned best = kMiddle;
  std::size_t least = common_at(kMiddle);
  if (least < kWordBytes / 2) return best;  // heads tell these keys apart well enough
  for (unsigned aside = 1; aside <= kMiddle - kLeastHalf; ++aside) {
    for (const unsigned i : {kMiddle - aside, kMiddle + aside}) {
      const std::size_t common = common_at(i);
      if (common < least) {
        least = common;
        best = i;
      }
    }
  }
  return best;
}

void Tree::split_leaf(const Path& path, unsigned position, const Key& key, Offset added) noexcept {
  Node& left = *path.nodes[0];
  const unsigned at = split_point(left, position);

  Locked locked;
  locked.add(left);
  Node& right = make_node<Node>(0);
  const Offset right_offset = offset_of(right);
  set_prefix(right, left.prefix_bytes.load(kRelaxed), left.prefix_record.load(kRelaxed));
  move_slots(left, right, at);
  // A run goes on in the half that it leads into, but for one that is used up.
  const int run = std::exchange(left.run, std::int16_t{0});
  if (at != 0 && at != kSlots) {
    right.run = static_cast<std::int16_t>(std::clamp(run, 0, static_cast<int>(kSlots - at)));
    left.run = static_cast<std::int16_t>(std::clamp(run, -static_cast<int>(at), 0));
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
  const Offset least = right.records[0].load(kRelaxed);
  const Offset before = left.records[left.count.load(kRelaxed) - 1].load(kRelaxed);
  insert_child(path, {least, separator_bytes(before, least), right_offset}, locked);
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

// As much of the key behind as tells it from the one before.
std::uint16_t Tree::separator_bytes(Offset before, Offset behind) const noexcept {
  const Record& key = record(behind);
  const std::size_t shared = shared_bytes(record(before), key, key.size());  // less than all
  return static_cast<std::uint16_t>(std::min<std::size_t>(shared + 1, Separator::kWhole));
}

// Up from the leaves, as far as parents are full.
void Tree::insert_child(const Path& path, Sprout sprout, Locked& locked) noexcept {
  const unsigned root_level = node(root_.load(kRelaxed)).level;
  for (unsigned level = 1; level <= root_level; ++level) {
    InnerNode& parent = inner(*path.nodes[level]);
    const unsigned position = path.positions[level];
    locked.add(parent);
    if (parent.count.load(kRelaxed) < kSlots) {
      put_child(parent, position, sprout);
      return;
    }
    InnerNode& sibling = make_node<InnerNode>(level);
    const Sprout middle = split_inner(parent, sibling);
    const bool goes_right = position > kMiddle;
    put_child(goes_right ? sibling : parent, goes_right ? position - kMiddle - 1 : position,
              sprout);
    sprout = middle;
  }
  add_root(sprout, root_level + 1);
}

// The separator in the middle moves up.
Tree::Sprout Tree::split_inner(InnerNode& left, InnerNode& right) noexcept {
  set_prefix(right, left.prefix_bytes.load(kRelaxed), left.prefix_record.load(kRelaxed));
  const Sprout middle{left.records[kMiddle].load(kRelaxed),
                      left.separator_bytes[kMiddle].load(kRelaxed), offset_of(right)};
  for (unsigned i = kMiddle + 1; i <= kSlots; ++i) {
    right.children[i - kMiddle - 1].store(left.children[i].load(kRelaxed), kRelease);
  }
  for (unsigned i = kMiddle + 1; i < kSlots; ++i) {
    right.separator_bytes[i - kMiddle - 1].store(left.separator_bytes[i].load(kRelaxed), kRelaxed);
  }
  move_slots(left, right, kMiddle + 1);
  left.heads[kMiddle].store(kNoHead, kRelaxed);
  left.count.store(kMiddle, kRelease);
  grow_prefix(left);
  grow_prefix(right);
  return middle;
}

void Tree::put_child(InnerNode& parent, unsigned position, Sprout sprout) noexcept {
  const Separator separator{record(sprout.record), sprout.bytes};
  const std::size_t prefix = parent.prefix_bytes.load(kRelaxed);
  if (compare_within(separator, record(parent.prefix_record.load(kRelaxed)), 0, prefix) != 0) {
    shrink_prefix(parent, separator);
  }
  for (unsigned i = parent.count.load(kRelaxed); i > position; --i) {
    parent.children[i + 1].store(parent.children[i].load(kRelaxed), kRelease);
    parent.separator_bytes[i].store(parent.separator_bytes[i - 1].load(kRelaxed), kRelaxed);
  }
  parent.children[position + 1].store(sprout.child, kRelease);
  parent.separator_bytes[position].store(sprout.bytes, kRelaxed);
  put_slot(parent, position, head_of(separator.word(parent.prefix_bytes.load(kRelaxed))),
           sprout.record);
}

void Tree::add_root(Sprout sprout, unsigned level) noexcept {
  SILT_ASSERT(level < kMaxLevels);
  InnerNode& root = make_node<InnerNode>(level);
  const Node& left = node(root_.load(kRelaxed));
  root.children[0].store(offset_of(left), kRelease);
  // One separator shares anything with itself; what it has in common with the keys to its left is
  // a good guess for those to come.
  const std::size_t prefix = shared_bytes(
      Separator{record(sprout.record), sprout.bytes}, record(left.prefix_record.load(kRelaxed)),
      std::min<std::size_t>(left.prefix_bytes.load(kRelaxed), sprout.bytes));
  set_prefix(root, prefix, sprout.record);
  put_child(root, 0, sprout);
  root_.store(offset_of(root), kRelease);
}

// For a key from outside: down to what it shares.
template <typename KeyType>
void Tree::shrink_prefix(Node& node, const KeyType& key) noexcept {
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
  if (longer == prefix + kWordBytes) longer = shared_by_ends(node);
  // A prefix is counted in sixteen bits, and its record must have it where the first separator, a
  // part of it, does.
  std::size_t most = UINT16_MAX;
  if (node.level != 0) most = inner(node).separator_bytes[0].load(kRelaxed);
  longer = std::min(longer, most);
  if (longer > prefix) set_prefix(node, longer, node.records[0].load(kRelaxed));
}

// What the first and the last slot share, and so all between them.
std::size_t Tree::shared_by_ends(const Node& node) const noexcept {
  const unsigned last = node.count.load(kRelaxed) - 1U;
  if (node.level != 0) {
    const Separator greatest = separator_of(arena_, inner(node), last);
    return shared_bytes(separator_of(arena_, inner(node), 0), greatest, greatest.size());
  }
  const Record& greatest = record(node.records[last].load(kRelaxed));
  return shared_bytes(record(node.records[0].load(kRelaxed)), greatest, greatest.size());
}

// Whatever mixture of old and new a reader gets is valid.
void Tree::set_prefix(Node& node, std::size_t bytes, Offset shared) noexcept {
  node.prefix_record.store(shared, kRelease);
  node.prefix_bytes.store(static_cast<std::uint16_t>(bytes), kRelease);
  const unsigned count = node.count.load(kRelaxed);
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t word = node.level == 0 ? record(node.records[i].load(kRelaxed)).word(bytes)
                                               : separator_of(arena_, inner(node), i).word(bytes);
    node.heads[i].store(head_of(word), kRelaxed);
  }
}

}  // namespace siltstone::memtable
