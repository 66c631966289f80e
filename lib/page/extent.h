// A run of neighbouring pages, the unit in which the page file is given out; and the places in it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.h"

namespace siltstone::page {

inline constexpr std::size_t kPageBytes = 4096;
/// Extents start at multiples of this many pages (64 KiB) and are multiples of it long: a map of
/// few sizes fragments less, and half a unit wasted per table of 8 MiB is less than a hundredth.
inline constexpr std::uint32_t kUnitPages = 16;
inline constexpr std::uint32_t kMaxExtentPages = (std::uint32_t{64} << 20) / kPageBytes;
/// Pages before the first extent: the superblocks, and the rest of their unit.
inline constexpr std::uint32_t kHeaderPages = kUnitPages;
/// The longest file, in whole units that a 32-bit page number can count.
inline constexpr std::uint32_t kMaxFilePages = UINT32_MAX / kUnitPages * kUnitPages;

struct Extent {
  base::PageNumber first;
  std::uint32_t pages = 0;

  /// The page behind the last one.
  [[nodiscard]] constexpr base::PageNumber end() const noexcept { return first + pages; }
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept {
    return std::uint64_t{pages} * kPageBytes;
  }
  [[nodiscard]] constexpr bool contains(base::PageNumber page) const noexcept {
    return page >= first && page < end();
  }

  friend constexpr auto operator<=>(const Extent&, const Extent&) = default;
};

/// Where a page lies in the file.
[[nodiscard]] constexpr std::uint64_t byte_offset(base::PageNumber page) noexcept {
  return std::uint64_t{page.value()} * kPageBytes;
}

[[nodiscard]] constexpr std::uint64_t pages_for(std::uint64_t bytes) noexcept {
  return bytes / kPageBytes + (bytes % kPageBytes != 0 ? 1 : 0);
}

/// Rounded up to whole units. REQUIRES: pages <= kMaxFilePages.
[[nodiscard]] constexpr std::uint32_t whole_units(std::uint32_t pages) noexcept {
  return (pages + kUnitPages - 1) / kUnitPages * kUnitPages;
}

/// True when it could be an extent of a file of this many pages: aligned, of a legal length, behind
/// the header, inside the file. Checks without overflow, for numbers that come from a disk.
[[nodiscard]] constexpr bool is_plausible(const Extent& extent, std::uint64_t file_pages) noexcept {
  return extent.pages > 0 && extent.pages <= kMaxExtentPages && extent.pages % kUnitPages == 0 &&
         extent.first.value() % kUnitPages == 0 && extent.first.value() >= kHeaderPages &&
         std::uint64_t{extent.first.value()} + extent.pages <= file_pages;
}

}  // namespace siltstone::page
