// The order of a memtable: a B+tree of records. One writer inserts; readers take no lock and write
// no byte, but look again where the writer changed a node under them.
//
// Reading goes down from the root. At each node: note its version, then make sure that whoever led
// here has not changed since (the root: is still the root); find the child; make sure that the node
// has not changed. A reader takes a whole leaf at once, as a LeafCopy, and needs no validation
// from there on: whatever its copy lacks was linked later than everything its snapshot may see.
//
// Splitting locks every node that it changes, and unlocks them when all is in place: the right half
// built where nobody sees it, linked behind the left one, its separator in the parent, a new root
// published. So a reader who finds the left half without its upper part finds the parent changed.
//
// Going back: `previous` leads to some leaf before; from there `next` leads to the nearest.
//
// Where a leaf is split: about the middle, where keys part that begin alike, so that later ones
// come to those like them; but beside the new key where the last kSlots insertions here all went to
// that end, so that ascending keys leave full leaves. This bounds the memory: each split takes
// kLeastHalf insertions into that leaf, or kSlots of them in a row at an end, and each split of an
// inner node almost kSlots/2 splits below it. Hence kBytesPerInsert.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/arena.h"
#include "memtable/key.h"
#include "memtable/node.h"
#include "memtable/node_search.h"
#include "memtable/record.h"

namespace siltstone::memtable {

/// The records of one leaf at one moment.
struct LeafCopy {
  Offset leaf = 0;  ///< 0: beyond either end.
  Offset next = 0;
  Offset previous = 0;
  unsigned count = 0;
  std::array<Offset, kSlots> records;
};

/// Thread-safe but for insert(), which one thread at a time may call, beside any number of readers.
class Tree {
 public:
  static constexpr unsigned kMaxLevels = 10;
  static constexpr std::size_t kLeastHalf = kSlots * 2 / 5;
  /// The most that insertions take, beyond kFixedBytes, on average over all there ever were.
  static constexpr std::size_t kBytesPerInsert =
      ((sizeof(Node) + sizeof(InnerNode) / (kSlots / 2 - 1) + 1) * (kSlots + kLeastHalf)) /
          (kSlots * kLeastHalf) +
      1;
  static constexpr std::size_t kFixedBytes = sizeof(Node) + kMaxLevels * sizeof(InnerNode);

  /// An empty tree in `arena`, which it borrows, and which has kFixedBytes left at least.
  explicit Tree(base::Arena& arena) noexcept;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() = default;

  /// The way from the root to the leaf where a key belongs.
  struct Path {
    // By level. What lies above the root means nothing.
    std::array<Node*, kMaxLevels> nodes;
    std::array<unsigned, kMaxLevels> positions;  // of the child taken, in inner nodes
    std::size_t sure;                            // as search() wants it, in the leaf
  };
  /// Finds the way, and asks the cache for the leaf, so that inserting does not wait for it.
  /// Thread-safe; but the way is right only if nothing is inserted meanwhile.
  void approach(const Key& key, Path& path) const noexcept;

  /// Adds the record of `key`. Requires that the tree has no such key, and that the arena still has
  /// what kBytesPerInsert says.
  void insert(const Key& key, Offset record) noexcept;
  /// The same along a way. Requires that nothing was inserted since approach() began.
  void insert(const Key& key, Offset record, const Path& path) noexcept;
  /// True while keys ascend: then inserting needs no way.
  [[nodiscard]] bool is_appending() const noexcept {
    return appending_.load(std::memory_order_relaxed);
  }

  /// The record of a key; 0 without one.
  [[nodiscard]] Offset find(const Key& key) const noexcept;
  /// Copies the leaf where `key` is or belongs. Returns the position of the first record at or
  /// above it, which may be `count`: then it is the first one of the next leaf.
  [[nodiscard]] unsigned seek(const Key& key, LeafCopy& copy) const noexcept;
  /// Copies the last leaf.
  void seek_last(LeafCopy& copy) const noexcept;
  /// Moves to the leaf behind, or before, as it is now.
  void next(LeafCopy& copy) const noexcept;
  void previous(LeafCopy& copy) const noexcept;
  /// Asks the cache for what copying a leaf reads.
  void prefetch(Offset leaf) const noexcept;

  /// Bytes of all nodes.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }

 private:
  class Locked;

  [[nodiscard]] Node& node(Offset offset) const noexcept { return node_at(arena_, offset); }
  [[nodiscard]] const Record& record(Offset offset) const noexcept {
    return record_at(arena_, offset);
  }
  [[nodiscard]] Offset offset_of(const Node& node) const noexcept;
  template <typename NodeType>
  [[nodiscard]] NodeType& make_node(unsigned level) noexcept;

  // Reading.
  [[nodiscard]] bool try_seek(const Key* key, LeafCopy& copy, unsigned& position) const noexcept;
  void copy_leaf(Offset leaf, LeafCopy& copy) const noexcept;
  static void copy_slots(const Node& leaf, LeafCopy& copy) noexcept;

  // Writing.
  [[nodiscard]] bool append(const Key& key, Offset record) noexcept;
  void insert_into_leaf(Node& leaf, Place place, const Key& key, Offset record) noexcept;
  void put_slot(Node& node, unsigned position, std::int64_t head, Offset record) noexcept;
  [[nodiscard]] static unsigned split_point(const Node& leaf, unsigned position) noexcept;
  void split_leaf(const Path& path, unsigned position, const Key& key, Offset record) noexcept;
  // What a split hands up: a new child, and what separates it from the one before.
  struct Sprout {
    Offset record;
    std::uint16_t bytes;
    Offset child;
  };
  [[nodiscard]] std::uint16_t separator_bytes(Offset before, Offset behind) const noexcept;
  void insert_child(const Path& path, Sprout sprout, Locked& locked) noexcept;
  void put_child(InnerNode& parent, unsigned position, Sprout sprout) noexcept;
  [[nodiscard]] Sprout split_inner(InnerNode& left, InnerNode& right) noexcept;
  void add_root(Sprout sprout, unsigned level) noexcept;
  static void move_slots(Node& from, Node& to, unsigned first) noexcept;
  template <typename KeyType>
  void shrink_prefix(Node& node, const KeyType& key) noexcept;
  void grow_prefix(Node& node) noexcept;
  [[nodiscard]] std::size_t shared_by_ends(const Node& node) const noexcept;
  void set_prefix(Node& node, std::size_t bytes, Offset record) noexcept;

  base::Arena& arena_;
  std::atomic<Offset> root_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<bool> appending_{false};  // the last key inserted was the greatest
  Node* last_leaf_;                     // the writer's
};

}  // namespace siltstone::memtable
