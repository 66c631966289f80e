// A partition in memory: which block of a table a key is in, where that block is stored, and in
// which frame of memory it is, if in any. It covers a range of keys, and lives in the cache itself.
//
//   memory    | filter lines | places of blocks | frame words |     one allocation
//             | index |                                             another
//
// Immutable but for the frame words (frame_word.h), which the block cache fills and empties; at
// first they are 0. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <siltstone/error.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "table/filter.h"
#include "table/frame_word.h"
#include "table/index.h"
#include "table/line_buffer.h"
#include "table/partition_format.h"

namespace siltstone::table {

/// Movable, which leaves one that may only be destroyed or assigned to; frame words stay where they
/// are.
class Partition {
 public:
  /// From the payload of a unit, which may be hostile and is not needed afterwards, of a table of
  /// so many sectors. `corruption`, with the offset in the payload. Memory taken is at most a few
  /// ten times the payload. Throws only std::bad_alloc.
  [[nodiscard]] static Result<Partition> load(base::Bytes payload, std::uint32_t table_sectors);

  /// False when no block has a key of this hash.
  [[nodiscard]] bool may_contain(std::uint64_t hash) const noexcept {
    return filter_.may_contain(hash);
  }
  /// For many keys at once: asks for what may_contain() will look at.
  void prefetch_filter(std::uint64_t hash) const noexcept { filter_.prefetch(hash); }

  /// The only block that can have this key; of several that one key fills, the first.
  [[nodiscard]] std::uint32_t find_block(std::string_view key) const noexcept {
    return index_.find(key);
  }

  /// At least one.
  [[nodiscard]] std::uint32_t blocks() const noexcept { return blocks_; }
  /// Distinct keys.
  [[nodiscard]] std::uint32_t keys() const noexcept { return keys_; }
  [[nodiscard]] SectorRange place(std::uint32_t block) const noexcept {
    SILT_ASSERT(block < blocks_);
    return places_[block];
  }
  /// The frame word of each block. They belong to the block cache.
  [[nodiscard]] std::span<FrameWord> frames() const noexcept { return {frames_, blocks_}; }
  [[nodiscard]] FrameWord& frame(std::uint32_t block) const noexcept {
    SILT_ASSERT(block < blocks_);
    return frames_[block];
  }
  void prefetch_frame(std::uint32_t block) const noexcept { __builtin_prefetch(frames_ + block); }

  [[nodiscard]] const Index& index() const noexcept { return index_; }
  /// All memory it takes, itself included.
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return sizeof(Partition) + memory_.size() + index_.memory_bytes();
  }

 private:
  explicit Partition(const PartitionContent& content);

  LineBuffer memory_;
  Filter filter_;
  Index index_;
  const SectorRange* places_;
  FrameWord* frames_;
  std::uint32_t blocks_;
  std::uint32_t keys_;
};

}  // namespace siltstone::table
