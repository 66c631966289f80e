// The two forms of a data block: docs/file_format.md in constants. Nothing else is in it.
//
//   raw form   | entries 2 | prefix bytes 1 | flags 1 | base sequence 8 | prefix | entry | entry ..
//              0           2                3         4                 12
//
//   entry      | suffix bytes varint | value bytes varint | rich part | key suffix | value |
//   rich part  | kind 1 | sequence - base, zigzag varint | expiry 8, if the kind has one |
//                absent in a plain block: all of kind value, inside, of the base sequence
//   reference  | sector 4 | sectors 4 | value bytes 4 |    in place of a value that lies outside
//
// The raw form is the payload of a stored unit. It is only what cannot be computed: what makes
// searches quick is not stored, since it defeats the codec, and is made when a block is loaded.
//
//   in memory  | entries 2 | prefix bytes 1 | flags 1 | longest key 4 | base sequence 8 | prefix |
//              0           2                3         4               8                 16
//              | tag 1 * n | slot 2 * (n + 1) | head 4 * n | entries, as in the raw form | 16 |
//
// in a frame aligned to 64 bytes. A tag is the low byte of a key's hash. Slot i is where entry i
// begins, the last slot where all end (65,535 at most). A head is four bytes of a key behind the
// prefix as a big-endian number, zeros behind the end, its top bit flipped so that signed
// comparisons order it. With over 64 entries the tags lie in lines of 64 bytes instead:
//
//   line       | tag 1 * 20 | where its entry begins 2 * 20 | count 1 | overflow 1 | zero 2 |
//
// An entry is in the line that its hash chooses or, where that is full (which sets its `overflow`),
// in the first behind it, round the end, that was not.
//
// The sixteen bytes at the end belong to the block, so that it may be read in steps of sixteen.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "table/entry.h"
#include "table/stored_unit.h"

namespace siltstone::table {

inline constexpr std::size_t kRawBlockHeaderBytes = 12;
inline constexpr std::size_t kBlockHeaderBytes = 16;
inline constexpr std::size_t kMaxPrefixBytes = 255;
inline constexpr std::size_t kReferenceBytes = 12;
/// What may be read behind the last entry.
inline constexpr std::size_t kBlockTailBytes = 16;

/// Frames are multiples of it, and aligned at least to a line.
inline constexpr std::size_t kFrameUnitBytes = 4096;
inline constexpr std::uint32_t kLineBytes = 64;
/// The largest frame of a block, but for one entry that alone needs more.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{64} << 10;
/// A plain one of the block's prefix, without a value.
inline constexpr std::size_t kMinEntryBytes = 2;
/// The longest varints of an entry and its other fields: 3 + 3 + 1 + 9 + 8.
inline constexpr std::size_t kMaxEntryHeaderBytes = 24;
/// The longest raw form: the longest key with the longest value inside.
inline constexpr std::size_t kMaxRawBlockBytes =
    kRawBlockHeaderBytes + kMaxEntryHeaderBytes + kMaxKeyBytes + kMaxInsideValueBytes;

/// Flags of a block.
inline constexpr std::uint8_t kPlain = 1;
/// The next block goes on with older versions of the only key in this one.
inline constexpr std::uint8_t kContinued = 2;
/// The block before has newer versions of the only key in this one.
inline constexpr std::uint8_t kContinuation = 4;
inline constexpr std::uint8_t kKnownBlockFlags = kPlain | kContinued | kContinuation;

/// In the kind of an entry: its value is a reference.
inline constexpr std::uint8_t kOutside = 0x80;

/// Up to so many entries have their tags side by side; more, in lines.
inline constexpr std::uint32_t kMaxTags = 64;
inline constexpr std::uint32_t kTagsPerLine = 20;
/// Lines are made for so many entries each, so that few overflow.
inline constexpr std::uint32_t kEntriesPerLine = 14;

struct BucketLine {
  std::uint8_t tags[kTagsPerLine];
  std::uint16_t entries[kTagsPerLine];
  std::uint8_t count;
  std::uint8_t overflow;
  std::uint8_t zero[2];
};

/// Where the parts of a block in memory begin, in bytes from its frame.
struct BlockLayout {
  std::uint32_t lines = 0;  ///< How many; 0 for tags side by side.
  std::uint32_t tags = 0;   ///< The tags or the lines.
  std::uint32_t slots = 0;
  std::uint32_t heads = 0;
  std::uint32_t entries = 0;
};

[[nodiscard]] constexpr std::uint32_t align_up(std::uint32_t value, std::uint32_t to) noexcept {
  return (value + to - 1) & ~(to - 1);
}

[[nodiscard]] constexpr BlockLayout block_layout(std::uint32_t entries,
                                                 std::uint32_t prefix_bytes) noexcept {
  BlockLayout layout;
  const std::uint32_t behind_prefix = kBlockHeaderBytes + prefix_bytes;
  std::uint32_t behind_tags = behind_prefix + entries;
  layout.tags = behind_prefix;
  if (entries > kMaxTags) {
    layout.lines = (entries + kEntriesPerLine - 1) / kEntriesPerLine;
    layout.tags = align_up(behind_prefix, kLineBytes);
    behind_tags = layout.tags + layout.lines * kLineBytes;
  }
  layout.slots = align_up(behind_tags, 2);
  layout.heads = align_up(layout.slots + 2 * (entries + 1), 4);
  layout.entries = layout.heads + 4 * entries;
  return layout;
}

/// All of a block in memory whose entries have so many bytes in the raw form.
[[nodiscard]] constexpr std::size_t block_bytes(std::uint32_t entries, std::uint32_t prefix_bytes,
                                                std::size_t entry_bytes) noexcept {
  return block_layout(entries, prefix_bytes).entries + entry_bytes + kBlockTailBytes;
}

/// The frame for so many bytes of block.
[[nodiscard]] constexpr std::size_t frame_bytes_for(std::size_t bytes) noexcept {
  return (bytes + kFrameUnitBytes - 1) / kFrameUnitBytes * kFrameUnitBytes;
}

/// The line where the search for a hash begins. The low eight bits are the tag.
[[nodiscard]] constexpr std::uint32_t line_of(std::uint64_t hash, std::uint32_t lines) noexcept {
  return static_cast<std::uint32_t>((hash >> 8 & 0xff'ffff) * lines >> 24);
}

/// Signed distances as varints: 0, -1, 1, -2, .. become 0, 1, 2, 3, ..
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>(value >> 1 ^ (0 - (value & 1)));
}

static_assert(sizeof(BucketLine) == kLineBytes);
static_assert(kMaxTags <= kLineBytes, "one step over the tags is a line long");
static_assert(kTagsPerLine > kEntriesPerLine, "lines have room for all entries");
static_assert(kMaxFrameBytes % kFrameUnitBytes == 0 && kFrameUnitBytes % kLineBytes == 0);
static_assert(kMaxFrameBytes - 1 <= UINT16_MAX, "slots reach every entry");
static_assert(kMaxRawBlockBytes <= kMaxUnitRawBytes);
static_assert(unzigzag(zigzag(INT64_MIN)) == INT64_MIN && zigzag(-1) == 1);

}  // namespace siltstone::table
