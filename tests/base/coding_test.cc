// Fixed-width integers, canonical varints, and a Reader that hostile bytes cannot lead astray.
#include "base/coding.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace siltstone;
using namespace std::string_view_literals;

static std::vector<std::byte> varint_of(std::uint64_t value) {
  std::vector<std::byte> bytes;
  base::Appender(bytes).varint(value);
  return bytes;
}

static base::Reader reader_of(std::string_view text) { return base::Reader(base::as_bytes(text)); }

TEST_CASE("coding: fixed-width integers are little-endian") {
  std::array<std::byte, 15> buffer;
  base::Writer writer(buffer);
  writer.u8(0x01);
  writer.u16(0x0302);
  writer.u32(0x07060504);
  writer.u64(0x0f0e0d0c0b0a0908);
  REQUIRE(writer.ok());
  CHECK(base::as_text(writer.written()) ==
        "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"sv);

  base::Reader reader(buffer);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0302);
  CHECK(reader.u32() == 0x07060504);
  CHECK(reader.u64() == 0x0f0e0d0c0b0a0908);
  CHECK(reader.at_end());
}

TEST_CASE("coding: varints around every change of length come back") {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const std::uint64_t power = bits == 64 ? 0 : std::uint64_t{1} << bits;
    for (const std::uint64_t value : {power - 1, power, power + 1}) {
      CAPTURE(value);
      const auto bytes = varint_of(value);
      CHECK(bytes.size() == base::varint_size(value));
      base::Reader reader(bytes);
      CHECK(reader.varint() == value);
      CHECK(reader.at_end());
    }
  }
  CHECK(varint_of(std::numeric_limits<std::uint64_t>::max()).size() == base::kMaxVarintBytes);
}

TEST_CASE("coding: varints that are longer than needed, too large or cut off are refused") {
  for (const std::string_view bad : {
           "\x80\x00"sv,                                  // 0 in two bytes
           "\xff\x80\x00"sv,                              // 127 in three
           "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"sv,  // 65 bits
           "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv,
           "\x80"sv,
           ""sv,
       }) {
    CAPTURE(bad.size());
    base::Reader reader = reader_of(bad);
    CHECK(reader.varint() == 0);
    CHECK(!reader.ok());
    CHECK(reader.position() == 0);
  }
}

TEST_CASE("coding: a varint of 32 bits may not hold more") {
  auto bytes = varint_of(UINT32_MAX);
  CHECK(base::Reader(bytes).varint32() == UINT32_MAX);
  bytes = varint_of(std::uint64_t{UINT32_MAX} + 1);
  base::Reader reader(bytes);
  CHECK(reader.varint32() == 0);
  CHECK(!reader.ok());
  CHECK(reader.position() == 0);
}

TEST_CASE("reader: the first failure lasts, and its position stays") {
  base::Reader reader = reader_of("\x01\x02\x03"sv);
  CHECK(reader.u8() == 1);
  CHECK(reader.u32() == 0);
  CHECK(!reader.ok());
  CHECK(reader.u8() == 0);
  CHECK(reader.varint() == 0);
  CHECK(reader.rest().empty());
  CHECK(reader.position() == 1);
  CHECK(!reader.at_end());
}

TEST_CASE("reader: a length beyond the end fails, however large") {
  base::Reader whole = reader_of(
      "\x03"
      "abcd"sv);
  CHECK(base::as_text(whole.sized_bytes()) == "abc");
  CHECK(base::as_text(whole.rest()) == "d");
  CHECK(whole.at_end());

  base::Reader cut = reader_of(
      "\x05"
      "abcd"sv);
  CHECK(cut.sized_bytes().empty());
  CHECK(!cut.ok());

  base::Reader huge = reader_of("abcd"sv);
  CHECK(huge.bytes(std::numeric_limits<std::uint64_t>::max()).empty());
  CHECK(!huge.ok());
}

TEST_CASE("writer: what does not fit is dropped, and everything after it") {
  std::array<std::byte, 4> buffer{};
  base::Writer writer(buffer);
  writer.u16(0x0201);
  writer.u32(0xffffffff);
  writer.u8(3);
  CHECK(!writer.ok());
  CHECK(writer.size() == 2);
  CHECK(base::as_text(buffer) == "\x01\x02\x00\x00"sv);
}

TEST_CASE("appender: sized bytes of every kind come back, empty ones too") {
  std::vector<std::byte> bytes;
  base::Appender appender(bytes);
  appender.sized_bytes({});
  appender.sized_bytes(base::as_bytes("key"));
  appender.u16(7);
  base::Reader reader(bytes);
  CHECK(reader.sized_bytes().empty());
  CHECK(base::as_text(reader.sized_bytes()) == "key");
  CHECK(reader.u16() == 7);
  CHECK(reader.at_end());
}
