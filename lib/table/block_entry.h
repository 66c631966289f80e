// One entry of a block in memory, taken apart. Nothing here checks: load_block() did.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/coding.h"
#include "base/entry_kind.h"
#include "base/ids.h"
#include "table/block_format.h"
#include "table/entry.h"

namespace siltstone::table {

/// Views into the frame of its block.
struct BlockEntry {
  std::string_view suffix;  ///< Of the key, behind the prefix of the block.
  std::string_view value;   ///< Or the reference to it; see value_reference().
  base::Sequence sequence;
  base::EntryKind kind = base::EntryKind::value;
  bool outside = false;
  std::int64_t expiry = 0;
};

/// What stands in the place of a value that lies outside.
[[nodiscard]] inline ValueReference decode_reference(std::string_view bytes) noexcept {
  base::Reader reader(base::as_bytes(bytes));
  ValueReference reference;
  reference.sector = reader.u32();
  reference.sectors = reader.u32();
  reference.bytes = reader.u32();
  return reference;
}

/// Reads varints that were checked, of at most 64 bits.
[[nodiscard]] inline std::uint64_t take_varint(const char*& from) noexcept {
  std::uint64_t value = static_cast<std::uint8_t>(*from++);
  if (value < 0x80) [[likely]]
    return value;
  value &= 0x7f;
  for (unsigned shift = 7;; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(*from++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

/// The entry at `from`, in a block with these flags and this base sequence.
[[nodiscard]] inline BlockEntry decode_entry(const char* from, std::uint8_t flags,
                                             std::uint64_t base_sequence) noexcept {
  BlockEntry entry;
  const std::size_t suffix_bytes = take_varint(from);
  const std::size_t value_bytes = take_varint(from);
  if ((flags & kPlain) == 0) {
    const auto kind = static_cast<std::uint8_t>(*from++);
    entry.kind = static_cast<base::EntryKind>(kind & ~kOutside);
    entry.outside = (kind & kOutside) != 0;
    base_sequence += static_cast<std::uint64_t>(unzigzag(take_varint(from)));
    if (entry.kind == base::EntryKind::value_with_expiry) {
      std::memcpy(&entry.expiry, from, sizeof entry.expiry);
      from += sizeof entry.expiry;
    }
  }
  entry.sequence = base::Sequence(base_sequence);
  entry.suffix = {from, suffix_bytes};
  entry.value = {from + suffix_bytes, value_bytes};
  return entry;
}

}  // namespace siltstone::table
