// What a table is a sorted sequence of.
//
// A key in this layer is one string: the keyspace, four bytes big-endian, and the user's key behind
// it. Keys order by unsigned bytes, a shorter one before those it begins (which is how a
// std::string_view compares); entries of one key order by sequence, the newest first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/entry_kind.h"
#include "base/ids.h"

namespace siltstone::table {

inline constexpr std::size_t kKeyspaceBytes = 4;
inline constexpr std::size_t kMaxKeyBytes = kKeyspaceBytes + 65'535;
/// A larger value lies outside its block, in a stored unit of its own.
inline constexpr std::size_t kMaxInsideValueBytes = std::size_t{32} << 10;

/// Of kind value, erase (no value), or value_with_expiry. A view.
struct Entry {
  std::string_view key;  ///< Keyspace and user key.
  base::Sequence sequence;
  base::EntryKind kind = base::EntryKind::none;
  std::int64_t expiry = 0;  ///< Milliseconds of wall clock since 1970; 0 unless value_with_expiry.
  std::string_view value;
};

/// Where a value outside its block lies: a stored unit of type value in the same table.
struct ValueReference {
  std::uint32_t sector = 0;   ///< The unit's first.
  std::uint32_t sectors = 0;  ///< All of the unit.
  std::uint32_t bytes = 0;    ///< Of the value.

  friend bool operator==(const ValueReference&, const ValueReference&) = default;
};

}  // namespace siltstone::table
