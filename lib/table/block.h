// A data block in memory: finding one key by tags, and places by heads.
//
// The frame holds what load_block() made of a raw block: everything in it was checked then, so that
// nothing is here, and it does not change as long as anybody looks at it. Nothing is read beyond
// the block. Thread-safe, as all that is never written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/ids.h"
#include "table/block_entry.h"
#include "table/block_format.h"
#include "table/block_search.h"

namespace siltstone::table {

/// What became of a search for a key.
enum class Lookup : std::uint8_t {
  absent,
  found,
  /// The key is here, but what is old enough can only be in the next block.
  continued,
};

/// A view; cheap to make and copy. The frame must outlive it.
class Block {
 public:
  /// Entries whose tags match a hash: which to compare. Opaque.
  struct Match {
    std::uint64_t bits = 0;
    std::uint32_t line = 0;
    std::uint8_t tag = 0;
  };

  /// Of no block: to be assigned to.
  Block() = default;
  explicit Block(const std::byte* frame) noexcept
      : frame_(reinterpret_cast<const char*>(frame)),
        layout_(block_layout(entries(), prefix_bytes())) {}

  /// At least one.
  [[nodiscard]] std::uint32_t entries() const noexcept { return load<std::uint16_t>(0); }
  /// What all keys begin with.
  [[nodiscard]] std::string_view prefix() const noexcept {
    return {frame_ + kBlockHeaderBytes, prefix_bytes()};
  }
  [[nodiscard]] std::size_t longest_key() const noexcept { return load<std::uint32_t>(4); }
  /// The next block goes on with older versions of the only key in this one.
  [[nodiscard]] bool is_continued() const noexcept { return (flags() & kContinued) != 0; }
  /// The block before has newer versions of the only key in this one.
  [[nodiscard]] bool is_continuation() const noexcept { return (flags() & kContinuation) != 0; }

  /// REQUIRES: i < entries().
  [[nodiscard]] BlockEntry entry(std::uint32_t i) const noexcept {
    return decode_entry(frame_ + slot(i), flags(), base_sequence());
  }
  /// Where entry i begins in the frame, and where all end: i <= entries().
  [[nodiscard]] std::uint32_t slot(std::uint32_t i) const noexcept {
    return load<std::uint16_t>(layout_.slots + std::size_t{2} * i);
  }
  [[nodiscard]] const char* frame() const noexcept { return frame_; }

  /// The steps of find(), for those who look for many keys at once: match, prefetch, find.
  [[nodiscard]] Match match(std::uint64_t hash) const noexcept;
  void prefetch(Match match) const noexcept;
  /// The newest version of `key` at or before sequence `at`, into `entry` when found. `match` is
  /// that of the key's hash.
  [[nodiscard]] Lookup find(std::string_view key, base::Sequence at, Match match,
                            BlockEntry& entry) const noexcept;
  [[nodiscard]] Lookup find(std::string_view key, std::uint64_t hash, base::Sequence at,
                            BlockEntry& entry) const noexcept {
    const Match matched = match(hash);
    prefetch(matched);
    return find(key, at, matched, entry);
  }

  /// The first entry that is not before version `at` of `key`; entries() when there is none.
  [[nodiscard]] std::uint32_t lower_bound(std::string_view key, base::Sequence at) const noexcept;

 private:
  template <typename T>
  [[nodiscard]] T load(std::size_t offset) const noexcept {
    T value;
    std::memcpy(&value, frame_ + offset, sizeof value);
    return value;
  }
  [[nodiscard]] std::uint32_t prefix_bytes() const noexcept { return load<std::uint8_t>(2); }
  [[nodiscard]] std::uint8_t flags() const noexcept { return load<std::uint8_t>(3); }
  [[nodiscard]] std::uint64_t base_sequence() const noexcept { return load<std::uint64_t>(8); }

  [[nodiscard]] const char* line_at(std::uint32_t line) const noexcept {
    return frame_ + layout_.tags + std::size_t{kLineBytes} * line;
  }
  [[nodiscard]] std::uint32_t line_entry(std::uint32_t line, std::uint32_t i) const noexcept {
    const char* const place = line_at(line) + offsetof(BucketLine, entries) + std::size_t{2} * i;
    std::uint16_t entry;
    std::memcpy(&entry, place, sizeof entry);
    return entry;
  }
  [[nodiscard]] std::uint64_t match_line(std::uint32_t line, std::uint8_t tag) const noexcept;
  [[nodiscard]] std::uint32_t upper_bound_head(std::uint32_t from,
                                               std::int32_t head) const noexcept;
  [[nodiscard]] bool has_prefix(std::string_view key) const noexcept;
  [[nodiscard]] Lookup find_in_lines(std::string_view suffix, base::Sequence at, Match match,
                                     BlockEntry& entry) const noexcept;
  [[nodiscard]] Lookup find_version(std::string_view key, base::Sequence at,
                                    BlockEntry& entry) const noexcept;

  const char* frame_ = nullptr;
  BlockLayout layout_;
};

/// What the holder of a frame keeps beside its address, so that prefetching need not wait for the
/// frame itself: how many lines to ask for, or with lines of tags (kHintLines) where they begin and
/// how many there are.
[[nodiscard]] std::uint16_t frame_hint(const std::byte* frame) noexcept;
inline constexpr std::uint16_t kHintLines = 0x8000;

/// Asks the cache for the lines in which Block::match() will look.
inline void prefetch_for_find(const std::byte* frame, std::uint16_t hint,
                              std::uint64_t hash) noexcept {
  __builtin_prefetch(frame);
  if ((hint & kHintLines) == 0) [[likely]] {
    const std::size_t lines = hint & 0xf;
    for (std::size_t i = 1; i < lines; ++i) __builtin_prefetch(frame + kLineBytes * i);
  } else {
    const std::size_t first = hint >> 12 & 7;
    const std::size_t line = line_of(hash, hint & 0xfffU);
    __builtin_prefetch(frame + kLineBytes * (first + line));
  }
}

/// Asks for the lines in which Block::lower_bound() will look: all of them, or of heads behind
/// lines of tags the first.
inline void prefetch_for_seek(const std::byte* frame, std::uint16_t hint) noexcept {
  __builtin_prefetch(frame);
  if ((hint & kHintLines) == 0) [[likely]] {
    const std::size_t lines = hint >> 4 & 0xf;
    for (std::size_t i = 1; i < lines; ++i) __builtin_prefetch(frame + kLineBytes * i);
  } else {
    // The middle of the heads, were the lines as full as they can be on average.
    const std::size_t lines = hint & 0xfff;
    const std::size_t first = hint >> 12 & 7;
    constexpr std::size_t kToMiddle = kLineBytes + (2 + 4 / 2) * kEntriesPerLine;
    __builtin_prefetch(frame + kLineBytes * first + kToMiddle * lines);
  }
}

}  // namespace siltstone::table
