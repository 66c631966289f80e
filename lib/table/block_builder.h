// Builds raw blocks from entries that come in order, and decides where one block ends and the next
// begins.
//
//   while there are entries:
//     while (!builder.add(entry)) use(builder.finish());
//   while (!builder.empty()) use(builder.finish());
//
// All versions of a key lie in one block. When a block is full in the midst of them, it ends before
// the first of them, and they begin the next one. Only when they alone are more than a block holds
// do they go on in further blocks, which hold nothing else (kContinued, kContinuation).
//
// Entries are staged whole, since what a block's keys have in common is known only at its end; its
// size in both forms is known at every step all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "table/block_format.h"
#include "table/entry.h"

namespace siltstone::table {

/// A block takes entries as long as it stays within both; its first one it takes always.
struct BlockLimits {
  std::size_t raw_bytes = kFrameUnitBytes;
  std::size_t frame_bytes = kFrameUnitBytes;  ///< At most kMaxFrameBytes.
};

/// A block as it is stored, before any codec. Views, valid until the next call of the builder.
struct FinishedBlock {
  base::Bytes raw;
  std::uint32_t entries = 0;
  std::string_view first_key;
  std::string_view last_key;
  bool is_continuation = false;  ///< It has older versions of the last key of the block before.
};

/// Thread-bound. Throws only std::bad_alloc, and may then only be destroyed.
class BlockBuilder {
 public:
  explicit BlockBuilder(BlockLimits limits) { set_limits(limits); }

  /// Holds from the next add() on.
  void set_limits(BlockLimits limits);

  /// Takes the entry. False when the block is full without it: finish() it, and add the same entry
  /// again (which may take another finish()). REQUIRES: it comes after all entries before; its kind
  /// is value, erase or value_with_expiry; key and value are within limits; nothing but finish() is
  /// called after false.
  [[nodiscard]] bool add(const Entry& entry);
  /// The same of an entry whose value, which is ignored, lies outside.
  [[nodiscard]] bool add_outside(const Entry& entry, const ValueReference& value);

  /// True when there is nothing to finish.
  [[nodiscard]] bool empty() const noexcept { return staged_.size() == finished_; }
  /// Bytes of the block as it is now, in its two forms.
  [[nodiscard]] std::size_t raw_bytes() const noexcept { return totals_.raw_bytes(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return totals_.memory_bytes(); }

  /// Ends the block. REQUIRES: !empty().
  [[nodiscard]] FinishedBlock finish();

 private:
  // Key and value lie one behind the other in text_.
  struct Staged {
    std::uint32_t place;
    std::uint32_t key_bytes;
    std::uint32_t value_bytes;
    std::uint8_t kind;  // with kOutside
    std::uint64_t sequence;
    std::int64_t expiry;
  };

  // What the size of a block depends on.
  struct Totals {
    std::uint32_t entries = 0;
    std::uint32_t prefix_bytes = 0;
    std::size_t text_bytes = 0;      // of keys and values
    std::size_t suffix_varints = 0;  // bytes of them, for this prefix
    std::size_t value_varints = 0;
    std::size_t rich_bytes = 0;  // of all rich parts, should it not be plain
    bool is_plain = true;

    [[nodiscard]] std::size_t entry_bytes() const noexcept {
      return text_bytes - std::size_t{entries} * prefix_bytes + suffix_varints + value_varints +
             (is_plain ? 0 : rich_bytes);
    }
    [[nodiscard]] std::size_t raw_bytes() const noexcept {
      return kRawBlockHeaderBytes + prefix_bytes + entry_bytes();
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
      return block_bytes(entries, prefix_bytes, entry_bytes());
    }
  };

  [[nodiscard]] bool add(const Entry& entry, std::string_view value, std::uint8_t kind);
  [[nodiscard]] Totals totals_with(const Staged& one, std::size_t shared) const noexcept;
  [[nodiscard]] std::size_t suffix_varints(std::uint32_t prefix_bytes) const noexcept;
  void stage(Staged one, std::string_view key, std::string_view value);
  void drop_finished();
  [[nodiscard]] std::size_t block_end() const noexcept;
  void encode(std::size_t count, std::uint8_t flags);
  char* encode_entry(char* to, const Staged& one, std::size_t prefix_bytes, bool is_plain) const;
  [[nodiscard]] std::string_view key(const Staged& one) const noexcept {
    return {text_.data() + one.place, one.key_bytes};
  }

  BlockLimits limits_;
  std::vector<Staged> staged_;
  std::vector<char> text_;  // its size is what it ever grew to, and a step of copying more
  std::size_t text_end_ = 0;
  std::uint32_t longest_key_ = 0;
  Totals totals_;
  std::vector<char> raw_;  // likewise
  std::size_t raw_end_ = 0;
  std::size_t finished_ = 0;      // of staged_: in the block that finish() gave out last
  bool splits_key_ = false;       // the entry that was refused is a version of the last key
  bool is_continuation_ = false;  // of the block in the making
};

}  // namespace siltstone::table
