// The format of the page file: docs/file_format.md in constants, and the codecs of superblock and
// catalog. Reader and writer share it; nothing else is in it.
//
//   page file  | A0 | A1 | B0 | B1 | zeros | extent or free | extent or free | ...
//              0    1    2    3    4       16               every 16 pages
//
//   superblock | magic 8 | checksum 4 | version 4 | required 8 | compatible 8 | store id 16 |
//              | hash seed 8 | generation 8 | catalog page 4 | catalog checksum 4 |
//              | catalog bytes 8 | page count 4 | page size 4 | zeros 40 |          = 128 bytes
//
//   catalog    | magic 8 | checksum 4 | extents 4 | payload bytes 8 | generation 8 | store id 16 |
//              | zeros 16 |                                                         = 64 bytes
//              | {first page 4, pages 4} * extents | payload | zeros up to the next page |
//
// All integers are little-endian. The checksum of a superblock copy is seeded with its page number,
// that of a catalog with (store id, generation): a copy or catalog in the wrong place, of another
// store or of another time never validates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "base/ids.h"
#include "page/extent.h"

namespace siltstone::page {

inline constexpr std::size_t kSuperblockBytes = 128;
inline constexpr std::size_t kCatalogHeaderBytes = 64;
inline constexpr std::size_t kExtentBytes = 8;
inline constexpr std::uint32_t kFormatVersion = 1;
/// Bits a reader must know to read, and those one that never writes may ignore: none are given yet.
inline constexpr std::uint64_t kKnownRequiredFeatures = 0;
inline constexpr std::uint64_t kKnownCompatibleFeatures = 0;
/// A catalog is one extent.
inline constexpr std::uint64_t kMaxCatalogBytes = std::uint64_t{kMaxExtentPages} * kPageBytes;
/// The generation with which creation is complete.
inline constexpr base::Generation kCreatedGeneration{2};
/// Beyond it nothing is opened, so that counting on never wraps.
inline constexpr base::Generation kMaxGeneration{UINT64_MAX / 2};

static_assert(kSuperblockBytes <= 512, "a superblock copy must never tear");
static_assert(kHeaderPages % kUnitPages == 0 && kMaxExtentPages % kUnitPages == 0);
static_assert(kMaxFilePages % kUnitPages == 0);

/// The two superblock slots: pages 0 and 1, pages 2 and 3.
enum class Slot : std::uint8_t { a = 0, b = 1 };
inline constexpr std::size_t kCopies = 2;

[[nodiscard]] constexpr Slot other(Slot slot) noexcept {
  return slot == Slot::a ? Slot::b : Slot::a;
}
[[nodiscard]] constexpr base::PageNumber superblock_page(Slot slot, std::size_t copy) noexcept {
  return base::PageNumber(
      static_cast<std::uint32_t>(static_cast<std::size_t>(slot) * kCopies + copy));
}

static_assert(superblock_page(Slot::b, kCopies - 1).value() < kHeaderPages);

struct Superblock {
  base::StoreId store;
  std::uint64_t hash_seed = 0;
  base::Generation generation;         ///< From 1.
  base::PageNumber catalog_page;       ///< First of the catalog's extent.
  std::uint32_t catalog_checksum = 0;  ///< The one in the catalog's header.
  std::uint64_t catalog_bytes = 0;     ///< Header, list and payload.
  std::uint32_t page_count = 0;        ///< No extent of this generation ends beyond it.
  std::uint64_t required_features = 0;
  std::uint64_t compatible_features = 0;

  /// The extent of the catalog.
  [[nodiscard]] Extent catalog_extent() const noexcept;

  friend bool operator==(const Superblock&, const Superblock&) = default;
};

/// What a superblock copy turned out to be.
enum class CopyState : std::uint8_t {
  valid,
  zero,             ///< All zero: never written.
  no_magic,         ///< Something else.
  bad_checksum,     ///< Its checksum does not match.
  newer_version,    ///< Valid, of a format that this code does not know.
  unknown_feature,  ///< Valid, but requires a feature that this code does not know.
  bad_field,        ///< Its checksum matches, but a field cannot be.
  unreadable,       ///< The device returned an error. Never given by the codec.
};

/// One or a few words for a person: "bad checksum".
[[nodiscard]] std::string_view to_string(CopyState state) noexcept;

struct DecodedSuperblock {
  CopyState state = CopyState::zero;
  Superblock superblock;              ///< Means something only when valid.
  std::uint32_t version = 0;          ///< With newer_version.
  std::uint64_t features = 0;         ///< With unknown_feature: the unknown bits.
  std::uint32_t stored_checksum = 0;  ///< With bad_checksum: what the copy says,
  std::uint32_t actual_checksum = 0;  ///< and what its bytes give.
};

using SuperblockBytes = std::array<std::byte, kSuperblockBytes>;

/// The copy that belongs on this page.
[[nodiscard]] SuperblockBytes encode_superblock(const Superblock& superblock,
                                                base::PageNumber page) noexcept;
/// Takes hostile bytes apart. Reads the first kSuperblockBytes of the page.
[[nodiscard]] DecodedSuperblock decode_superblock(base::Bytes bytes,
                                                  base::PageNumber page) noexcept;

/// A catalog taken apart; the payload is a view of the bytes it was decoded from.
struct Catalog {
  std::vector<Extent> extents;  ///< Ascending; without the catalog's own.
  base::Bytes payload;
};

/// Bytes of a catalog before padding. May exceed kMaxCatalogBytes, which its writer must refuse.
[[nodiscard]] constexpr std::uint64_t catalog_bytes(std::uint64_t extents,
                                                    std::uint64_t payload) noexcept {
  return kCatalogHeaderBytes + extents * kExtentBytes + payload;
}

/// Fills `out`, of exactly catalog_bytes() bytes, and returns the checksum that goes into the
/// superblock. `extents` must ascend.
[[nodiscard]] std::uint32_t encode_catalog(const base::StoreId& store, base::Generation generation,
                                           std::span<const Extent> extents, base::Bytes payload,
                                           base::MutableBytes out) noexcept;
/// Takes hostile bytes apart: `bytes` are the superblock's catalog_bytes. `corruption`, without
/// path and with the offset relative to the catalog, when anything does not check: checksum,
/// identity, lengths, order, overlaps (also with the catalog itself) and the superblock's page
/// count.
[[nodiscard]] Result<Catalog> decode_catalog(const Superblock& superblock, base::Bytes bytes);

}  // namespace siltstone::page
