// The envelope: every bit of it is covered, it belongs to one place, and its sizes are believed
// only when they agree.
#include "table/stored_unit.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::table;
using base::Codec;

namespace {

constexpr base::TableId kTable{77};
constexpr std::uint32_t kSector = 24;

std::vector<std::byte> make_unit(std::string_view raw, Codec codec,
                                 UnitType type = UnitType::data_block) {
  std::vector<std::byte> unit(unit_buffer_bytes(codec, raw.size()), std::byte{0xdb});
  const auto encoded = encode_unit(type, codec, base::as_bytes(raw), unit);
  REQUIRE(encoded);
  CHECK(encoded->bytes == unit_sectors(encoded->payload_bytes) * kSectorBytes);
  unit.resize(encoded->bytes);
  seal_unit(unit, kTable, kSector);
  return unit;
}

std::string raw_of(const UnitView& view) {
  std::string raw(view.raw_bytes, '\0');
  REQUIRE(decompress_unit(view, std::as_writable_bytes(std::span(raw))));
  return raw;
}

std::string random_text(std::size_t size) {
  support::Rng rng(size);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

// Changes a field and makes the checksum right again.
std::vector<std::byte> forged(std::vector<std::byte> unit, std::size_t at, std::uint32_t value,
                              std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) unit[at + i] = static_cast<std::byte>(value >> (8 * i));
  seal_unit(unit, kTable, kSector);
  return unit;
}

ErrorCode error_of(const std::vector<std::byte>& unit, UnitType type = UnitType::data_block) {
  const auto view = check_unit(unit, kTable, kSector, type);
  REQUIRE(!view);
  return view.error().code();
}

}  // namespace

TEST_CASE("stored unit: what was encoded comes back, whatever its size") {
  for (const std::size_t size : {0UL, 1UL, 495UL, 496UL, 497UL, 4080UL, 4081UL, 70'000UL}) {
    for (const Codec codec : {Codec::none, Codec::snappy}) {
      if (!base::codec_available(codec)) continue;
      CAPTURE(size);
      for (const std::string& raw : {std::string(size, 'a'), random_text(size)}) {
        const auto unit = make_unit(raw, codec, UnitType::value);
        const auto view = check_unit(unit, kTable, kSector, UnitType::value);
        REQUIRE(view);
        CHECK(unit.size() == std::size_t{unit_sectors(view->stored.size())} * kSectorBytes);
        CHECK(raw_of(*view) == raw);
      }
    }
  }
}

TEST_CASE("stored unit: a codec is kept where it saves an eighth, and costs nothing elsewhere") {
  if (!base::codec_available(Codec::snappy)) return;
  const auto small = make_unit(std::string(4096, 'a'), Codec::snappy);
  CHECK(small.size() == kSectorBytes);
  CHECK(check_unit(small, kTable, kSector, UnitType::data_block)->codec == Codec::snappy);
  const auto same = make_unit(random_text(4080), Codec::snappy);
  CHECK(same.size() == 4096);
  CHECK(check_unit(same, kTable, kSector, UnitType::data_block)->codec == Codec::none);
}

TEST_CASE("stored unit: the bytes behind the payload are zero, not what the buffer held") {
  const auto unit = make_unit("payload", Codec::none);
  CHECK(std::all_of(unit.begin() + 16 + 7, unit.end(),
                    [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE(
    "stored unit: C1 every flipped bit, padding included, is corruption that tells both sums") {
  const std::string raw = std::string(600, 'a') + random_text(100);
  for (const Codec codec : {Codec::none, Codec::snappy}) {
    if (!base::codec_available(codec)) continue;
    auto unit = make_unit(raw, codec);
    for (std::size_t bit = 0; bit < 8 * unit.size(); ++bit) {
      unit[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      const auto view = check_unit(unit, kTable, kSector, UnitType::data_block);
      REQUIRE(!view);
      REQUIRE(view.error().code() == ErrorCode::corruption);
      REQUIRE(view.error().has_mismatch());
      unit[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    }
    CHECK(check_unit(unit, kTable, kSector, UnitType::data_block));
  }
}

TEST_CASE("stored unit: one of another table or place, and zeros, never validate") {
  const auto unit = make_unit("payload", Codec::none);
  const auto type = UnitType::data_block;
  CHECK(check_unit(unit, kTable, kSector, type));
  CHECK(!check_unit(unit, kTable, kSector + 1, type));
  CHECK(!check_unit(unit, kTable.next(), kSector, type));
  CHECK(!check_unit(unit, base::TableId{kSector}, 77, type));
  CHECK(!check_unit(std::vector<std::byte>(512), kTable, kSector, type));
  CHECK(!check_unit(std::vector<std::byte>(4096), base::TableId{}, 0, type));
}

TEST_CASE("stored unit: a cut one, and one with more behind it, are corruption") {
  const auto unit = make_unit(random_text(3000), Codec::none);
  REQUIRE(unit.size() == 3072);
  auto longer = unit;
  longer.resize(unit.size() + kSectorBytes);
  CHECK(error_of(longer) == ErrorCode::corruption);
  seal_unit(longer, kTable, kSector);
  CHECK(error_of(longer) == ErrorCode::corruption);  // more sectors than it says it has
  for (std::size_t size = 0; size < unit.size(); size += 7) {
    const std::vector<std::byte> cut(unit.begin(), unit.begin() + static_cast<int>(size));
    REQUIRE(error_of(cut) == ErrorCode::corruption);
  }
}

TEST_CASE("stored unit: fields that lie under a right checksum are found out") {
  const auto unit = make_unit(random_text(1000), Codec::none);
  CHECK(error_of(unit, UnitType::root) == ErrorCode::corruption);
  CHECK(error_of(forged(unit, 4, 0, 1)) == ErrorCode::corruption);
  CHECK(error_of(forged(unit, 4, 6, 1)) == ErrorCode::unsupported);   // a type to come
  CHECK(error_of(forged(unit, 6, 1, 2)) == ErrorCode::corruption);    // reserved
  CHECK(error_of(forged(unit, 8, 999, 4)) == ErrorCode::corruption);  // stored, unlike raw
  CHECK(error_of(forged(unit, 8, UINT32_MAX, 4)) == ErrorCode::corruption);
  CHECK(error_of(forged(unit, 12, 1001, 4)) == ErrorCode::corruption);  // raw, unlike stored
  const auto other_codec = forged(forged(unit, 5, 2, 1), 12, 1001, 4);
  CHECK(error_of(other_codec) == ErrorCode::unsupported);
}

TEST_CASE("stored unit: a decompression bomb is refused before memory is taken for it") {
  if (!base::codec_available(Codec::snappy)) return;
  const auto unit = make_unit(std::string(4096, 'a'), Codec::snappy);
  auto view = check_unit(unit, kTable, kSector, UnitType::data_block);
  REQUIRE(view);
  CHECK(error_of(forged(unit, 12, 4097, 4)) == ErrorCode::corruption);  // not what Snappy says
  // Snappy's own length, a varint at the start of the payload: 4 GiB less one, from 200 bytes.
  auto bomb = forged(unit, 12, UINT32_MAX, 4);
  bomb = forged(bomb, 16, UINT32_MAX, 4);
  bomb = forged(bomb, 20, 0x0f, 1);
  CHECK(error_of(bomb) == ErrorCode::corruption);
  // A length that is possible, for a payload that is not as long.
  auto lie = forged(unit, 12, 4000, 4);
  lie = forged(lie, 16, 0x1fa0, 2);  // 4000 as a varint
  view = check_unit(lie, kTable, kSector, UnitType::data_block);
  REQUIRE(view);
  std::string raw(view->raw_bytes, '\0');
  CHECK(!decompress_unit(*view, std::as_writable_bytes(std::span(raw))));
}

TEST_CASE("stored unit: one that fits into a page stays within it, a larger one begins one") {
  for (std::uint32_t next = 0; next < 24; ++next) {
    for (std::uint32_t sectors = 1; sectors <= 24; ++sectors) {
      const std::uint32_t place = unit_place(next, sectors);
      CAPTURE(next);
      CAPTURE(sectors);
      CHECK(place >= next);
      CHECK(place - next < kSectorsPerPage);
      const bool is_in_page = place / 8 == (place + sectors - 1) / 8;
      CHECK((sectors <= 8 ? is_in_page : place % 8 == 0));
      if (place > next) CHECK(place % 8 == 0);
      if (next % 8 + sectors <= 8) CHECK(place == next);
    }
  }
}

TEST_CASE("stored unit: names of types") {
  CHECK(to_string(UnitType::data_block) == "data block");
  CHECK(to_string(static_cast<UnitType>(99)) == "unknown");
}
