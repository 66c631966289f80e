// The footer of a table: its last sector, from which everything else is found.
//
//   footer | magic 8 | checksum 4 | version 4 | required 8 | compatible 8 | table id 8 |
//          | hash check 8 | root sector 4 | root sectors 4 | properties sector 4 |
//          | properties sectors 4 | sectors 4 | zeros |                        = 512 bytes
//
// Integers are little-endian. The checksum is a sealed CRC32C of everything behind it, seeded with
// (table id, sector of the footer): no other table's footer, and none in another place, validates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "base/ids.h"
#include "table/sector.h"

namespace siltstone::table {

inline constexpr std::uint32_t kTableVersion = 1;
/// Bits a reader must know to read, and those one may ignore: none are given yet.
inline constexpr std::uint64_t kKnownRequiredFeatures = 0;
inline constexpr std::size_t kFooterBytes = kSectorBytes;

struct Footer {
  base::TableId id;
  /// hash_check() of the seed that its filters and tags were built with.
  std::uint64_t hash_check = 0;
  SectorRange root;
  SectorRange properties;
  std::uint32_t sectors = 0;  ///< Of the whole table, with the footer.

  friend bool operator==(const Footer&, const Footer&) = default;
};

using FooterBytes = std::array<std::byte, kFooterBytes>;

/// Tells seeds apart: under another one a table's filters would deny what is there.
[[nodiscard]] std::uint64_t hash_check(std::uint64_t hash_seed) noexcept;

[[nodiscard]] FooterBytes encode_footer(const Footer& footer) noexcept;
/// Takes a table's last sector apart, which may be hostile. The table is known by its id, length
/// and seed; in what is returned, root and properties lie inside it and apart. An error has the
/// offset in the table: `corruption`, or `unsupported` for a newer version or an unknown feature.
[[nodiscard]] Result<Footer> decode_footer(base::Bytes sector, base::TableId id,
                                           std::uint32_t sectors, std::uint64_t hash_seed) noexcept;

}  // namespace siltstone::table
