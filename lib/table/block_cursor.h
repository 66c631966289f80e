// A walk over all entries of one block, both ways, with whole keys.
//
// The prefix of the block is written into the cursor's key buffer once, the rest of a key at each
// step. When the holder knows which frame comes next, the walk asks the cache for it as it goes
// along: frames do not lie side by side, so that the processor cannot guess.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ids.h"
#include "table/block.h"
#include "table/entry.h"
#include "table/key_buffer.h"

namespace siltstone::table {

/// Stands on an entry of the block it entered, or nowhere. Thread-bound; movable. The frame must
/// stay as it is until the cursor enters another one or leaves.
class BlockCursor {
 public:
  /// Goes into a block, and stands nowhere in it. Throws only std::bad_alloc, changing nothing.
  void enter(Block block);
  /// Stands nowhere, and looks at no frame any more.
  void leave() noexcept;

  [[nodiscard]] bool valid() const noexcept { return position_ < count_; }
  // These require valid(); views live until the next move.
  [[nodiscard]] std::string_view key() const noexcept { return {keys_.data(), key_bytes_}; }
  [[nodiscard]] std::string_view value() const noexcept { return entry_.value; }
  [[nodiscard]] base::Sequence sequence() const noexcept { return entry_.sequence; }
  [[nodiscard]] base::EntryKind kind() const noexcept { return entry_.kind; }
  [[nodiscard]] std::int64_t expiry() const noexcept { return entry_.expiry; }
  /// True when value() is a reference, see decode_reference().
  [[nodiscard]] bool is_outside() const noexcept { return entry_.outside; }
  [[nodiscard]] Entry entry() const noexcept {
    return {key(), entry_.sequence, entry_.kind, entry_.expiry, entry_.value};
  }

  // These require that a block was entered. Each may end with the cursor nowhere.
  void seek_first() noexcept { go(0); }
  void seek_last() noexcept { go(count_ - 1); }
  /// To the first entry that is not before version `at` of `key`; all versions of a key come at or
  /// after that of kMaxSequence.
  void seek(std::string_view key, base::Sequence at = base::kMaxSequence) noexcept {
    go(block_.lower_bound(key, at));
  }
  /// To the last entry before version `at` of `key`.
  void seek_before(std::string_view key, base::Sequence at = base::kMaxSequence) noexcept {
    go(block_.lower_bound(key, at) - 1);
  }
  /// Require valid().
  void next() noexcept { go(position_ + 1); }
  void previous() noexcept { go(position_ - 1); }

  /// The frame that comes after this one, or before it when the walk goes back; null for none.
  void set_ahead(const std::byte* frame) noexcept;

 private:
  void go(std::uint32_t position) noexcept;

  KeyBuffer keys_;
  Block block_;
  std::uint32_t position_ = 0;
  std::uint32_t count_ = 0;  // of the block; 0 when none was entered
  std::uint32_t prefix_bytes_ = 0;
  std::size_t key_bytes_ = 0;
  std::ptrdiff_t ahead_ = 0;  // from this frame to the next
  BlockEntry entry_;
};

// Before the first entry is as far away as behind the last: a position is unsigned.
inline void BlockCursor::go(std::uint32_t position) noexcept {
  position_ = position;
  if (position >= count_) return;
  const char* const place = block_.frame() + block_.slot(position);
  __builtin_prefetch(place + ahead_);
  __builtin_prefetch(place + ahead_ + kLineBytes);
  entry_ = block_.entry(position);
  copy_in_steps(keys_.data() + prefix_bytes_, entry_.suffix.data(), entry_.suffix.size());
  key_bytes_ = prefix_bytes_ + entry_.suffix.size();
}

}  // namespace siltstone::table
