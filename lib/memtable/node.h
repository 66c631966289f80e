// Nodes of the B+tree, as they lie in the arena.
//
//   leaf, 512 bytes    | header, 32 | heads i64 * 40 | records u32 * 40 |
//   inner, 768 bytes   | header, 32 | heads i64 * 40 | records u32 * 40 | children u32 * 41 |
//                      | separator bytes u16 * 40 |
//
// The first `prefix_bytes` bytes are the same in all keys of a node (in the sense of key.h) and in
// the key of its `prefix_record`; heads are the eight bytes behind them. Most searches are decided
// by the heads, without touching a record. A separator is the beginning of a record's key: as much
// of the least key of the child behind it as told it from the greatest key before, when that child
// was split off. (A whole key would leave later keys that begin like it, but are less, to the child
// before, whose keys then have little in common.) Child i+1 holds the keys from separator i on.
//
// Invariants:
// 1. Slots below `count` are ascending and hold valid offsets; heads from it on are kNoHead.
// 2. A node is never emptied, moved or freed. A split leaves it its lower part: its low end never
//    changes.
// 3. Whoever reads `count` with acquire finds the slots below it filled; whoever reads
//    `prefix_bytes` with acquire finds a valid `prefix_record`.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/arena.h"
#include "memtable/head_count.h"
#include "memtable/record.h"
#include "memtable/seqlock.h"

namespace siltstone::memtable {

/// What both kinds have; a leaf is just that.
struct alignas(64) Node {
  Seqlock lock;
  std::atomic<std::uint16_t> count{0};
  std::atomic<std::uint16_t> prefix_bytes{0};
  std::atomic<Offset> prefix_record{0};
  std::atomic<Offset> next{0};      // of a leaf: the leaf behind it; 0: none
  std::atomic<Offset> previous{0};  // of a leaf: a leaf before it, perhaps not the nearest; 0: none
  std::uint16_t level;              // 0: leaf
  // The writer's. How many of the last insertions here, in a row, went to the end (positive) or to
  // the beginning (negative).
  std::int16_t run = 0;
  alignas(32) Heads heads;
  std::array<std::atomic<Offset>, kSlots> records{};

  explicit Node(std::uint16_t at_level) noexcept : level(at_level) {
    for (auto& head : heads) head.store(kNoHead, std::memory_order_relaxed);
  }
};

struct InnerNode : Node {
  using Node::Node;
  std::array<std::atomic<Offset>, kSlots + 1> children{};
  std::array<std::atomic<std::uint16_t>, kSlots> separator_bytes{};
};

/// The first bytes of a record's key, as a key.
struct Separator {
  static constexpr std::uint16_t kWhole = UINT16_MAX;  ///< For `bytes`: all there are.

  const Record& record;
  std::size_t bytes;

  Separator(const Record& of, std::uint16_t first_bytes) noexcept
      : record(of), bytes(first_bytes == kWhole ? of.size() : first_bytes) {}

  [[nodiscard]] std::size_t size() const noexcept { return bytes; }
  [[nodiscard]] std::uint64_t word(std::size_t at) const noexcept {
    return at >= bytes ? 0 : leading_bytes(record.word(at), bytes - at);
  }
};

static_assert(sizeof(Node) == 512 && offsetof(Node, heads) == 32);
static_assert(sizeof(InnerNode) == 768);

[[nodiscard]] inline Node& node_at(const base::Arena& arena, Offset offset) noexcept {
  return *reinterpret_cast<Node*>(arena.at(offset));
}

[[nodiscard]] inline InnerNode& inner(Node& node) noexcept { return static_cast<InnerNode&>(node); }
[[nodiscard]] inline const InnerNode& inner(const Node& node) noexcept {
  return static_cast<const InnerNode&>(node);
}

/// Separator `i` of an inner node.
[[nodiscard]] inline Separator separator_of(const base::Arena& arena, const InnerNode& node,
                                            unsigned i) noexcept {
  return {record_at(arena, node.records[i].load(std::memory_order_acquire)),
          node.separator_bytes[i].load(std::memory_order_relaxed)};
}

}  // namespace siltstone::memtable
