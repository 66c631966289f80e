// Names of what stands in a log. Those of the format's enums are kvdump's words for people.
#include "wal_listing.h"

#include "byte_text.h"

namespace siltstone::kvdump {

std::string_view name_of(wal::HeaderState state) noexcept {
  switch (state) {
    case wal::HeaderState::valid: return "valid";
    case wal::HeaderState::zero: return "zero";
    case wal::HeaderState::no_magic: return "no_magic";
    case wal::HeaderState::bad_checksum: return "bad_checksum";
    case wal::HeaderState::bad_field: return "bad_field";
    case wal::HeaderState::newer_version: return "newer_version";
    case wal::HeaderState::unknown_feature: return "unknown_feature";
  }
  return "unknown";
}

std::string_view name_of(wal::FrameKind kind) noexcept {
  switch (kind) {
    case wal::FrameKind::none: return "none";
    case wal::FrameKind::records: return "records";
    case wal::FrameKind::mark: return "mark";
    case wal::FrameKind::large_begin: return "large_begin";
    case wal::FrameKind::large_middle: return "large_middle";
    case wal::FrameKind::large_end: return "large_end";
  }
  return "unknown";
}

// What the users of the library call it.
std::string_view name_of(wal::EntryKind kind) noexcept {
  switch (kind) {
    case wal::EntryKind::value:
    case wal::EntryKind::value_with_expiry: return "put";
    case wal::EntryKind::erase: return "erase";
    default: return to_string(kind);  // those that this version does not write
  }
}

std::string store_id_text(const base::StoreId& id) {
  std::string text;
  append_text(text, {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()},
              ByteText::hex);
  return text;
}

}  // namespace siltstone::kvdump
