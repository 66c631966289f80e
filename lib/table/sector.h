// What a table is measured in. Its bytes are one line of sectors, numbered from 0, laid over its
// extents in their order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "page/extent.h"

namespace siltstone::table {

inline constexpr std::size_t kSectorBytes = 512;
inline constexpr std::uint32_t kSectorsPerPage = page::kPageBytes / kSectorBytes;
/// The longest table, in whole pages that 32 bits of sectors can count: nearly 2 TiB.
inline constexpr std::uint32_t kMaxSectors = UINT32_MAX / kSectorsPerPage * kSectorsPerPage;

/// A run of sectors of a table.
struct SectorRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  [[nodiscard]] constexpr std::uint64_t end() const noexcept {
    return std::uint64_t{first} + count;
  }
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept {
    return std::uint64_t{count} * kSectorBytes;
  }

  friend constexpr bool operator==(const SectorRange&, const SectorRange&) = default;
};

}  // namespace siltstone::table
