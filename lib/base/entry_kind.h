// What an operation does to its key: one numbering for the log, memtables and tables.
#pragma once

#include <cstdint>
#include <string_view>

namespace siltstone::base {

/// Stands in files: never renumber. Version 1 knows the first three.
enum class EntryKind : std::uint8_t {
  none = 0,  ///< Invalid.
  value = 1,
  erase = 2,
  value_with_expiry = 3,
  value_reference = 4,
  range_delete = 5,
  merge = 6,
};

/// Its name, for messages; "unknown" beyond the table.
[[nodiscard]] constexpr std::string_view to_string(EntryKind kind) noexcept {
  switch (kind) {
    case EntryKind::none: return "invalid";
    case EntryKind::value: return "value";
    case EntryKind::erase: return "delete";
    case EntryKind::value_with_expiry: return "value with expiry";
    case EntryKind::value_reference: return "value reference";
    case EntryKind::range_delete: return "range delete";
    case EntryKind::merge: return "merge";
  }
  return "unknown";
}

}  // namespace siltstone::base
