// The codecs of superblock and catalog. Encoders trust their caller, decoders trust nobody.
#include "page/page_format.h"

#include <algorithm>
#include <span>

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

constexpr std::string_view kSuperblockMagic = "SILTPGF\n";
constexpr std::string_view kCatalogMagic = "SILTCAT\n";
/// Checksums cover what follows them; they stand behind the magic.
constexpr std::size_t kChecksumOffset = 8;
constexpr std::size_t kCoveredFrom = 12;

std::uint32_t superblock_checksum(base::Bytes copy, base::PageNumber page) noexcept {
  std::array<std::byte, 4> identity;
  base::store_le(std::span(identity), page.value());
  const std::uint32_t seed = base::crc32c(0, identity);
  return base::seal_crc32c(
      base::crc32c(seed, copy.subspan(kCoveredFrom, kSuperblockBytes - kCoveredFrom)));
}

std::uint32_t catalog_checksum(const base::StoreId& store, base::Generation generation,
                               base::Bytes catalog) noexcept {
  std::array<std::byte, 24> identity;
  base::Writer writer(identity);
  writer.bytes(store.bytes);
  writer.u64(generation.value());
  return base::seal_crc32c(base::crc32c(base::crc32c(0, identity), catalog.subspan(kCoveredFrom)));
}

bool all_zero(base::Bytes bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

// Whether the fields can be what some writer wrote. The checksum is no proof: a hostile file has a
// right one.
bool fields_fit(const Superblock& s, std::uint32_t page_size, base::Bytes padding) noexcept {
  return page_size == kPageBytes && s.generation.value() != 0 && s.generation <= kMaxGeneration &&
         s.catalog_bytes >= kCatalogHeaderBytes && s.catalog_bytes <= kMaxCatalogBytes &&
         s.page_count % kUnitPages == 0 && is_plausible(s.catalog_extent(), s.page_count) &&
         all_zero(padding);
}

std::unexpected<Error> bad_catalog(std::string_view what, std::uint64_t offset) noexcept {
  return std::unexpected(base::fail(ErrorCode::corruption, what).offset(offset).build());
}

// The extent list: each plausible, ascending, apart from each other and from the catalog.
Result<std::vector<Extent>> decode_extents(const Superblock& superblock, base::Reader& reader,
                                           std::uint32_t count) {
  const Extent catalog = superblock.catalog_extent();
  std::vector<Extent> extents;
  extents.reserve(count);
  base::PageNumber behind{0};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t position = reader.position();
    const base::PageNumber first{reader.u32()};
    const Extent extent{first, reader.u32()};
    if (!is_plausible(extent, superblock.page_count)) {
      return bad_catalog("an extent of the catalog cannot be", position);
    }
    const bool overlaps_catalog = extent.first < catalog.end() && catalog.first < extent.end();
    if (extent.first < behind || overlaps_catalog) {
      return bad_catalog("extents of the catalog overlap", position);
    }
    behind = extent.end();
    extents.push_back(extent);
  }
  return extents;
}

}  // namespace

Extent Superblock::catalog_extent() const noexcept {
  // At most kMaxCatalogBytes in a valid superblock; cut, so that any other stays implausible.
  const std::uint64_t pages = std::min<std::uint64_t>(pages_for(catalog_bytes), kMaxFilePages);
  return {catalog_page, whole_units(static_cast<std::uint32_t>(pages))};
}

std::string_view to_string(CopyState state) noexcept {
  switch (state) {
    case CopyState::valid: return "valid";
    case CopyState::zero: return "all zero";
    case CopyState::no_magic: return "not a superblock";
    case CopyState::bad_checksum: return "bad checksum";
    case CopyState::newer_version: return "newer format version";
    case CopyState::unknown_feature: return "unknown required feature";
    case CopyState::bad_field: return "impossible field";
    case CopyState::unreadable: return "unreadable";
  }
  return "unknown";
}

SuperblockBytes encode_superblock(const Superblock& superblock, base::PageNumber page) noexcept {
  SuperblockBytes copy{};
  base::Writer writer(copy);
  writer.bytes(base::as_bytes(kSuperblockMagic));
  writer.u32(0);  // the checksum, below
  writer.u32(kFormatVersion);
  writer.u64(superblock.required_features);
  writer.u64(superblock.compatible_features);
  writer.bytes(superblock.store.bytes);
  writer.u64(superblock.hash_seed);
  writer.u64(superblock.generation.value());
  writer.u32(superblock.catalog_page.value());
  writer.u32(superblock.catalog_checksum);
  writer.u64(superblock.catalog_bytes);
  writer.u32(superblock.page_count);
  writer.u32(kPageBytes);
  SILT_ASSERT(writer.ok());
  base::store_le(std::span(copy).subspan<kChecksumOffset, 4>(), superblock_checksum(copy, page));
  return copy;
}

DecodedSuperblock decode_superblock(base::Bytes bytes, base::PageNumber page) noexcept {
  SILT_ASSERT(bytes.size() >= kSuperblockBytes);
  const base::Bytes copy = bytes.first(kSuperblockBytes);
  DecodedSuperblock decoded;
  if (all_zero(copy)) return decoded;

  base::Reader reader(copy);
  if (base::as_text(reader.bytes(kSuperblockMagic.size())) != kSuperblockMagic) {
    decoded.state = CopyState::no_magic;
    return decoded;
  }
  decoded.stored_checksum = reader.u32();
  decoded.actual_checksum = superblock_checksum(copy, page);
  decoded.state = CopyState::bad_checksum;
  if (decoded.stored_checksum != decoded.actual_checksum) return decoded;

  decoded.version = reader.u32();
  decoded.state = CopyState::newer_version;
  if (decoded.version > kFormatVersion) return decoded;

  Superblock& s = decoded.superblock;
  s.required_features = reader.u64();
  s.compatible_features = reader.u64();
  decoded.features = s.required_features & ~kKnownRequiredFeatures;
  decoded.state = CopyState::unknown_feature;
  if (decoded.features != 0) return decoded;

  std::ranges::copy(reader.bytes(s.store.bytes.size()), s.store.bytes.begin());
  s.hash_seed = reader.u64();
  s.generation = base::Generation(reader.u64());
  s.catalog_page = base::PageNumber(reader.u32());
  s.catalog_checksum = reader.u32();
  s.catalog_bytes = reader.u64();
  s.page_count = reader.u32();
  const std::uint32_t page_size = reader.u32();
  const bool good = decoded.version != 0 && fields_fit(s, page_size, reader.rest());
  decoded.state = good ? CopyState::valid : CopyState::bad_field;
  return decoded;
}

std::uint32_t encode_catalog(const base::StoreId& store, base::Generation generation,
                             std::span<const Extent> extents, base::Bytes payload,
                             base::MutableBytes out) noexcept {
  SILT_ASSERT(out.size() == catalog_bytes(extents.size(), payload.size()));
  SILT_ASSERT(std::ranges::is_sorted(extents));
  base::Writer writer(out);
  writer.bytes(base::as_bytes(kCatalogMagic));
  writer.u32(0);  // the checksum, below
  writer.u32(static_cast<std::uint32_t>(extents.size()));
  writer.u64(payload.size());
  writer.u64(generation.value());
  writer.bytes(store.bytes);
  writer.u64(0);
  writer.u64(0);
  for (const Extent& extent : extents) {
    writer.u32(extent.first.value());
    writer.u32(extent.pages);
  }
  writer.bytes(payload);
  SILT_ASSERT(writer.ok());
  SILT_ASSERT(writer.remaining() == 0);
  const std::uint32_t checksum = catalog_checksum(store, generation, out);
  base::store_le(out.subspan<kChecksumOffset, 4>(), checksum);
  return checksum;
}

Result<Catalog> decode_catalog(const Superblock& superblock, base::Bytes bytes) {
  SILT_CHECK(bytes.size() == superblock.catalog_bytes);
  SILT_CHECK(bytes.size() >= kCatalogHeaderBytes);
  base::Reader reader(bytes);
  if (base::as_text(reader.bytes(kCatalogMagic.size())) != kCatalogMagic) {
    return bad_catalog("what the superblock names is not a catalog", 0);
  }
  const std::uint32_t stored = reader.u32();
  const std::uint32_t actual = catalog_checksum(superblock.store, superblock.generation, bytes);
  if (stored != actual || stored != superblock.catalog_checksum) {
    const std::uint32_t expected = superblock.catalog_checksum;
    const std::uint32_t found = actual != expected ? actual : stored;
    return base::fail(ErrorCode::corruption, "the checksum of the catalog does not match")
        .offset(0)
        .mismatch(expected, found);
  }
  const std::uint32_t count = reader.u32();
  const std::uint64_t payload = reader.u64();
  const base::Generation generation{reader.u64()};
  const base::Bytes store = reader.bytes(superblock.store.bytes.size());
  const base::Bytes padding = reader.bytes(16);
  if (generation != superblock.generation || !std::ranges::equal(store, superblock.store.bytes)) {
    return bad_catalog("the catalog belongs to another store or generation", 24);
  }
  // Both summands are bounded by what was read, so that a huge count allocates nothing.
  if (!all_zero(padding) || payload > bytes.size() ||
      catalog_bytes(count, payload) != bytes.size()) {
    return bad_catalog("the lengths in the catalog do not add up", 12);
  }
  Catalog catalog;
  catalog.extents = SILT_TRY(decode_extents(superblock, reader, count));
  catalog.payload = reader.rest();
  SILT_CHECK(catalog.payload.size() == payload);
  return catalog;
}

}  // namespace siltstone::page
