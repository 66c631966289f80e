// Superblocks and catalogs as bytes: round trips, every flip, hostile fields.
#include "page/page_format.h"

#include <array>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/crc32c.h"

namespace siltstone::page {
namespace {

using base::Generation;
using base::PageNumber;

Superblock example() {
  Superblock s;
  s.store.bytes.fill(std::byte{9});
  s.hash_seed = 0x1234'5678'9abc'def0;
  s.generation = Generation(77);
  s.catalog_page = PageNumber(32);
  s.catalog_checksum = 0xdead'beef;
  s.catalog_bytes = 5000;
  s.page_count = 128;
  s.compatible_features = 2;
  return s;
}

struct EncodedCatalog {
  Superblock superblock;
  std::vector<std::byte> bytes;
};

EncodedCatalog encoded(const std::vector<Extent>& extents, std::string_view payload) {
  EncodedCatalog made{example(), {}};
  made.superblock.catalog_bytes = catalog_bytes(extents.size(), payload.size());
  made.bytes.resize(made.superblock.catalog_bytes);
  made.superblock.catalog_checksum =
      encode_catalog(made.superblock.store, made.superblock.generation, extents,
                     base::as_bytes(payload), made.bytes);
  return made;
}

Extent at(std::uint32_t first, std::uint32_t pages) { return {PageNumber(first), pages}; }

}  // namespace

TEST_CASE("page format: a superblock comes back as it was") {
  const Superblock s = example();
  const auto decoded = decode_superblock(encode_superblock(s, PageNumber(1)), PageNumber(1));
  CHECK(decoded.state == CopyState::valid);
  CHECK(decoded.superblock == s);
}

TEST_CASE("page format: superblock bytes are as documented") {
  const SuperblockBytes copy = encode_superblock(example(), PageNumber(3));
  const std::span<const std::byte, kSuperblockBytes> bytes(copy);
  CHECK(base::as_text(bytes.first<8>()) == "SILTPGF\n");
  CHECK(base::load_le<std::uint32_t>(bytes.subspan<12, 4>()) == 1);
  CHECK(base::load_le<std::uint64_t>(bytes.subspan<24, 8>()) == 2);
  CHECK(bytes[32] == std::byte{9});
  CHECK(base::load_le<std::uint64_t>(bytes.subspan<48, 8>()) == 0x1234'5678'9abc'def0);
  CHECK(base::load_le<std::uint64_t>(bytes.subspan<56, 8>()) == 77);
  CHECK(base::load_le<std::uint32_t>(bytes.subspan<64, 4>()) == 32);
  CHECK(base::load_le<std::uint32_t>(bytes.subspan<68, 4>()) == 0xdead'beef);
  CHECK(base::load_le<std::uint64_t>(bytes.subspan<72, 8>()) == 5000);
  CHECK(base::load_le<std::uint32_t>(bytes.subspan<80, 4>()) == 128);
  CHECK(base::load_le<std::uint32_t>(bytes.subspan<84, 4>()) == kPageBytes);
}

TEST_CASE("page_crc_detects_every_flip: each bit of a superblock copy") {
  const SuperblockBytes good = encode_superblock(example(), PageNumber(0));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    SuperblockBytes bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    CAPTURE(bit);
    CHECK(decode_superblock(bad, PageNumber(0)).state != CopyState::valid);
  }
}

TEST_CASE("B4: a superblock copy on another page does not validate") {
  const SuperblockBytes copy = encode_superblock(example(), PageNumber(0));
  for (const std::uint32_t page : {1U, 2U, 3U}) {
    CHECK(decode_superblock(copy, PageNumber(page)).state == CopyState::bad_checksum);
  }
}

TEST_CASE("C8: a zeroed superblock is zero, not valid") {
  CHECK(decode_superblock(SuperblockBytes{}, PageNumber(0)).state == CopyState::zero);
}

TEST_CASE("N1: a newer version and an unknown required feature are told apart") {
  Superblock s = example();
  s.required_features = 8;
  const auto feature = decode_superblock(encode_superblock(s, PageNumber(0)), PageNumber(0));
  CHECK(feature.state == CopyState::unknown_feature);
  CHECK(feature.features == 8);

  SuperblockBytes copy = encode_superblock(example(), PageNumber(0));
  std::span<std::byte, kSuperblockBytes> bytes(copy);
  base::store_le<std::uint32_t>(bytes.subspan<12, 4>(), kFormatVersion + 1);
  const std::array<std::byte, 4> page{};
  const std::uint32_t crc = base::crc32c(base::crc32c(0, page), bytes.subspan(12));
  base::store_le(bytes.subspan<8, 4>(), base::seal_crc32c(crc));
  CHECK(decode_superblock(copy, PageNumber(0)).state == CopyState::newer_version);
}

TEST_CASE("L9: superblocks with right checksums and impossible fields are refused") {
  std::vector<Superblock> bad(9, example());
  bad[0].generation = Generation(0);
  bad[1].generation = Generation(UINT64_MAX);
  bad[2].catalog_bytes = kCatalogHeaderBytes - 1;
  bad[3].catalog_bytes = UINT64_MAX;
  bad[4].catalog_bytes = kMaxCatalogBytes + 1;
  bad[5].catalog_page = PageNumber(0);
  bad[6].catalog_page = PageNumber(33);
  bad[7].catalog_page = PageNumber(UINT32_MAX - 15);
  bad[8].page_count = 32;
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    const auto copy = encode_superblock(bad[i], PageNumber(0));
    CHECK(decode_superblock(copy, PageNumber(0)).state == CopyState::bad_field);
  }
}

TEST_CASE("page format: a catalog comes back as it was") {
  const std::vector<Extent> extents = {at(16, 16), at(64, 32)};
  const EncodedCatalog made = encoded(extents, "payload");
  const auto catalog = decode_catalog(made.superblock, made.bytes);
  REQUIRE(catalog);
  CHECK(catalog->extents == extents);
  CHECK(base::as_text(catalog->payload) == "payload");
}

TEST_CASE("page_crc_detects_every_flip: each bit of a catalog") {
  const EncodedCatalog made = encoded({at(16, 16), at(64, 32)}, "payload");
  for (std::size_t bit = 0; bit < 8 * made.bytes.size(); ++bit) {
    std::vector<std::byte> bad = made.bytes;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto catalog = decode_catalog(made.superblock, bad);
    CAPTURE(bit);
    REQUIRE(!catalog);
    CHECK(catalog.error().code() == ErrorCode::corruption);
  }
}

TEST_CASE("C9: a catalog of another store or generation does not validate") {
  const EncodedCatalog made = encoded({at(16, 16)}, "payload");
  Superblock other_store = made.superblock;
  other_store.store.bytes[3] = std::byte{1};
  CHECK(!decode_catalog(other_store, made.bytes));
  Superblock other_generation = made.superblock;
  other_generation.generation = Generation(78);
  CHECK(!decode_catalog(other_generation, made.bytes));
}

TEST_CASE("B5: a stale catalog in the right place is recognised by the superblock's checksum") {
  const EncodedCatalog older = encoded({at(16, 16)}, "payload");
  Superblock newer = older.superblock;
  newer.catalog_checksum ^= 1;
  CHECK(!decode_catalog(newer, older.bytes));
}

TEST_CASE("L6 L9: catalogs with right checksums and impossible contents are refused") {
  const std::vector<std::vector<Extent>> lists = {
      {at(16, 32), at(32, 16)},           // overlaps the catalog at 32
      {at(64, 32), at(80, 16)},           // overlap
      {at(64, 16), at(64, 16)},           // twice
      {at(0, 16)},                        // superblocks
      {at(65, 16)},                       // not at a unit
      {at(64, 15)},                       // not whole units
      {at(64, 0)},                        // empty
      {at(112, 32)},                      // beyond the page count
      {at(UINT32_MAX - 15, UINT32_MAX)},  // wraps
  };
  for (const auto& list : lists) {
    CAPTURE(list.front().first.value());
    const EncodedCatalog made = encoded(list, "p");
    const auto catalog = decode_catalog(made.superblock, made.bytes);
    REQUIRE(!catalog);
    CHECK(catalog.error().code() == ErrorCode::corruption);
  }
}

TEST_CASE("L1: a catalog's counts are bounded by its bytes") {
  for (const std::size_t field : {12U, 16U}) {  // extents, payload bytes
    EncodedCatalog made = encoded({at(64, 16)}, "payload");
    std::span<std::byte> bytes(made.bytes);
    base::store_le<std::uint32_t>(bytes.subspan(field).first<4>(), UINT32_MAX);
    std::array<std::byte, 24> identity;
    base::Writer writer(identity);
    writer.bytes(made.superblock.store.bytes);
    writer.u64(made.superblock.generation.value());
    const std::uint32_t sealed =
        base::seal_crc32c(base::crc32c(base::crc32c(0, identity), bytes.subspan(12)));
    base::store_le(bytes.subspan(8).first<4>(), sealed);
    made.superblock.catalog_checksum = sealed;
    const auto catalog = decode_catalog(made.superblock, made.bytes);
    REQUIRE(!catalog);
    CHECK(catalog.error().message() == "the lengths in the catalog do not add up");
  }
}

}  // namespace siltstone::page
