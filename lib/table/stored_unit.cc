// Codec of the envelope.
#include "table/stored_unit.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::table {
namespace {

using base::fail;

constexpr std::size_t kChecksumBytes = 4;
constexpr auto kLastType = UnitType::properties;

std::uint32_t checksum_of(base::Bytes unit, base::TableId table, std::uint32_t sector) noexcept {
  const std::uint32_t seed = base::crc32c_seed(table.value(), sector);
  return base::seal_crc32c(base::crc32c(seed, unit.subspan(kChecksumBytes)));
}

Error unknown_type(std::uint8_t type) noexcept {
  std::array<char, 64> text;
  const auto end =
      fmt::format_to_n(text.begin(), text.size(), "unit type {}: not known to this version", type);
  return fail(ErrorCode::unsupported, {text.data(), end.out});
}

// What the header of a unit whose checksum matched must say besides.
Result<void> check_header(const UnitView& view, std::uint16_t zero, std::uint32_t stored_bytes,
                          std::size_t unit_bytes) noexcept {
  if (unit_sectors(stored_bytes) != unit_bytes / kSectorBytes) {
    return fail(ErrorCode::corruption, "stored unit: not as many sectors as its payload needs")
        .mismatch(unit_bytes / kSectorBytes, unit_sectors(stored_bytes));
  }
  if (zero != 0) {
    return fail(ErrorCode::corruption, "stored unit: reserved bits are set").mismatch(0, zero);
  }
  if (view.codec == base::Codec::none ? stored_bytes != view.raw_bytes
                                      : stored_bytes >= view.raw_bytes) {
    return fail(ErrorCode::corruption, "stored unit: its two sizes contradict its codec")
        .mismatch(view.raw_bytes, stored_bytes);
  }
  return {};
}

}  // namespace

std::string_view to_string(UnitType type) noexcept {
  switch (type) {
    case UnitType::none: return "invalid";
    case UnitType::data_block: return "data block";
    case UnitType::value: return "value";
    case UnitType::partition: return "partition";
    case UnitType::root: return "root";
    case UnitType::properties: return "properties";
  }
  return "unknown";
}

std::size_t unit_buffer_bytes(base::Codec codec, std::size_t raw_bytes) noexcept {
  const std::size_t payload = std::max(raw_bytes, base::max_compressed_size(codec, raw_bytes));
  return std::size_t{unit_sectors(payload)} * kSectorBytes;
}

Result<EncodedUnit> encode_unit(UnitType type, base::Codec codec, base::Bytes raw,
                                base::MutableBytes out) noexcept {
  SILT_ASSERT(raw.size() <= kMaxUnitRawBytes);
  SILT_ASSERT(out.size() >= unit_buffer_bytes(codec, raw.size()));
  const auto compressed = SILT_TRY(base::compress(codec, raw, out.subspan(kUnitHeaderBytes)));
  if (!compressed) {
    codec = base::Codec::none;
    if (!raw.empty()) std::memcpy(out.data() + kUnitHeaderBytes, raw.data(), raw.size());
  }
  const std::size_t stored = compressed.value_or(raw.size());
  const std::size_t size = std::size_t{unit_sectors(stored)} * kSectorBytes;
  base::Writer header(out.first(kUnitHeaderBytes));
  header.u32(0);  // the checksum
  header.u8(static_cast<std::uint8_t>(type));
  header.u8(static_cast<std::uint8_t>(codec));
  header.u16(0);
  header.u32(static_cast<std::uint32_t>(stored));
  header.u32(static_cast<std::uint32_t>(raw.size()));
  std::ranges::fill(out.first(size).subspan(kUnitHeaderBytes + stored), std::byte{0});
  return EncodedUnit{size, stored};
}

void seal_unit(base::MutableBytes unit, base::TableId table, std::uint32_t sector) noexcept {
  SILT_ASSERT(!unit.empty());
  SILT_ASSERT(unit.size() % kSectorBytes == 0);
  base::store_le(unit.first<kChecksumBytes>(), checksum_of(unit, table, sector));
}

Result<UnitView> check_unit(base::Bytes unit, base::TableId table, std::uint32_t sector,
                            UnitType expected) noexcept {
  if (unit.empty() || unit.size() % kSectorBytes != 0) {
    return fail(ErrorCode::corruption, "stored unit: not a whole number of sectors");
  }
  base::Reader header(unit);
  const std::uint32_t stored_checksum = header.u32();
  const std::uint32_t checksum = checksum_of(unit, table, sector);
  if (stored_checksum != checksum) {
    return fail(ErrorCode::corruption, "stored unit: its checksum does not match")
        .mismatch(checksum, stored_checksum);
  }
  UnitView view;
  view.type = static_cast<UnitType>(header.u8());
  view.codec = static_cast<base::Codec>(header.u8());
  const std::uint16_t zero = header.u16();
  const std::uint32_t stored_bytes = header.u32();
  view.raw_bytes = header.u32();
  if (view.type > kLastType) {
    return std::unexpected(unknown_type(static_cast<std::uint8_t>(view.type)));
  }
  if (view.type != expected) {
    return fail(ErrorCode::corruption, "stored unit: of another type than its place says")
        .mismatch(static_cast<std::uint64_t>(expected), static_cast<std::uint64_t>(view.type));
  }
  SILT_TRY(check_header(view, zero, stored_bytes, unit.size()));
  view.stored = unit.subspan(kUnitHeaderBytes, stored_bytes);
  const std::size_t raw_bytes =
      SILT_TRY(base::decompressed_size(view.codec, view.stored, kMaxUnitRawBytes));
  if (raw_bytes != view.raw_bytes) {
    return fail(ErrorCode::corruption, "stored unit: its payload is of another size")
        .mismatch(view.raw_bytes, raw_bytes);
  }
  return view;
}

Result<void> decompress_unit(const UnitView& unit, base::MutableBytes out) noexcept {
  SILT_ASSERT(out.size() == unit.raw_bytes);
  return base::decompress(unit.codec, unit.stored, out);
}

}  // namespace siltstone::table
