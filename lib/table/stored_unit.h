// The envelope of everything in a table: data blocks, values outside them, partitions, root and
// properties are all stored units.
//
//   unit | checksum 4 | type 1 | codec 1 | zero 2 | stored bytes 4 | raw bytes 4 | payload | zeros
//        0            4        5         6        8                12            16
//
// The bytes of a table are one line of sectors of 512 bytes, numbered from 0. A unit is a whole
// number of them. One that fits into a page lies within a page, so that reading it is one read of
// one page; a larger one begins with a page.
//
// The checksum is a sealed CRC32C of all that lies behind it, zeros included, seeded with (table
// id, first sector): a unit of another table, in another place, of another time never validates.
//
// Writing: encode_unit() into a buffer, unit_place() for where it goes, seal_unit() with the place.
// Reading: check_unit(), which believes nothing, then decompress_unit().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "base/compression.h"
#include "base/ids.h"
#include "table/sector.h"

namespace siltstone::table {

inline constexpr std::size_t kUnitHeaderBytes = 16;
/// No payload is larger, compressed or not.
inline constexpr std::size_t kMaxUnitRawBytes = std::size_t{64} << 20;

/// Stands in files: never renumber.
enum class UnitType : std::uint8_t {
  none = 0,  ///< Invalid.
  data_block = 1,
  value = 2,
  partition = 3,
  root = 4,
  properties = 5,
};

/// Its name, for messages; "unknown" beyond the table.
[[nodiscard]] std::string_view to_string(UnitType type) noexcept;

/// Sectors of a unit with so many bytes of stored payload.
[[nodiscard]] constexpr std::uint32_t unit_sectors(std::size_t stored_bytes) noexcept {
  return static_cast<std::uint32_t>((kUnitHeaderBytes + stored_bytes + kSectorBytes - 1) /
                                    kSectorBytes);
}

/// The first sector of a unit when all before `next` is taken: `next`, or the next page.
[[nodiscard]] constexpr std::uint32_t unit_place(std::uint32_t next,
                                                 std::uint32_t sectors) noexcept {
  const std::uint32_t in_page = next % kSectorsPerPage;
  const bool fits = in_page + sectors <= kSectorsPerPage;
  return fits || in_page == 0 ? next : next + (kSectorsPerPage - in_page);
}

/// Bytes of buffer that encode_unit() needs.
[[nodiscard]] std::size_t unit_buffer_bytes(base::Codec codec, std::size_t raw_bytes) noexcept;

struct EncodedUnit {
  std::size_t bytes = 0;          ///< Of the unit: whole sectors.
  std::size_t payload_bytes = 0;  ///< Of the payload as it is stored.
};

/// Makes a unit, all but its checksum, at the start of `out`, compressed if that is worth it: what
/// it came to. REQUIRES: raw.size() <= kMaxUnitRawBytes, and a buffer of
/// unit_buffer_bytes(). `unsupported` names a codec that this build lacks.
[[nodiscard]] Result<EncodedUnit> encode_unit(UnitType type, base::Codec codec, base::Bytes raw,
                                              base::MutableBytes out) noexcept;

/// Gives an encoded unit its place: writes the checksum.
void seal_unit(base::MutableBytes unit, base::TableId table, std::uint32_t sector) noexcept;

/// A checked unit; a view.
struct UnitView {
  UnitType type = UnitType::none;
  base::Codec codec = base::Codec::none;
  base::Bytes stored;           ///< The payload as it lies in the file.
  std::uint32_t raw_bytes = 0;  ///< Of the payload decompressed; memory for as many may be taken.
};

/// Takes apart a unit of an expected type in its place. `unit` is all of its sectors and may be
/// hostile. `corruption`, or `unsupported` for a codec or type that this build lacks; the caller
/// adds path and offset. Thread-safe.
[[nodiscard]] Result<UnitView> check_unit(base::Bytes unit, base::TableId table,
                                          std::uint32_t sector, UnitType expected) noexcept;

/// The payload, into a buffer of exactly raw_bytes. `corruption`. Thread-safe.
[[nodiscard]] Result<void> decompress_unit(const UnitView& unit, base::MutableBytes out) noexcept;

}  // namespace siltstone::table
