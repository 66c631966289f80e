// See superblock_text.h.
#include "superblock_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "wal_listing.h"

namespace siltstone::kvdump {
namespace {

/// As the engine names it, in one word.
std::string state_name(page::CopyState state) {
  std::string name(page::to_string(state));
  std::ranges::replace(name, ' ', '_');
  return name;
}

}  // namespace

char slot_name(page::Slot slot) noexcept { return slot == page::Slot::a ? 'A' : 'B'; }

std::string superblock_text(const page::DecodedSuperblock& copy) {
  switch (copy.state) {
    case page::CopyState::valid: break;
    case page::CopyState::bad_checksum:
      return fmt::format("bad_checksum, expected {:#010x}, actual {:#010x}", copy.stored_checksum,
                         copy.actual_checksum);
    case page::CopyState::newer_version:
      return fmt::format("newer_version {}, this program knows {}", copy.version,
                         page::kFormatVersion);
    case page::CopyState::unknown_feature:
      return fmt::format("unknown_feature bits {:#x}", copy.features);
    default: return state_name(copy.state);
  }
  const page::Superblock& superblock = copy.superblock;
  return fmt::format(
      "valid\n"
      "    generation {}, store {}, hash seed {:016x}\n"
      "    catalog at page {}, {} bytes, checksum {:#010x}; {} pages; features {:#x}, {:#x}",
      superblock.generation.value(), store_id_text(superblock.store), superblock.hash_seed,
      superblock.catalog_page.value(), superblock.catalog_bytes, superblock.catalog_checksum,
      superblock.page_count, superblock.required_features, superblock.compatible_features);
}

Json superblock_json(const page::DecodedSuperblock& copy) {
  Json json = {{"state", state_name(copy.state)}};
  switch (copy.state) {
    case page::CopyState::valid: break;
    case page::CopyState::bad_checksum:
      json["expected_checksum"] = copy.stored_checksum;
      json["actual_checksum"] = copy.actual_checksum;
      return json;
    case page::CopyState::newer_version: json["version"] = copy.version; return json;
    case page::CopyState::unknown_feature:
      json["unknown_features"] = fmt::format("{:x}", copy.features);
      return json;
    default: return json;
  }
  const page::Superblock& superblock = copy.superblock;
  json["generation"] = superblock.generation.value();
  json["store"] = store_id_text(superblock.store);
  json["hash_seed"] = fmt::format("{:016x}", superblock.hash_seed);
  json["catalog_page"] = superblock.catalog_page.value();
  json["catalog_bytes"] = superblock.catalog_bytes;
  json["catalog_checksum"] = superblock.catalog_checksum;
  json["page_count"] = superblock.page_count;
  json["required_features"] = fmt::format("{:x}", superblock.required_features);
  json["compatible_features"] = fmt::format("{:x}", superblock.compatible_features);
  return json;
}

}  // namespace siltstone::kvdump
