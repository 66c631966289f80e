// Codecs: what comes back, what is not worth it, and what hostile bytes cannot do. Built with and
// without Snappy.
#include "base/compression.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/random.h"

using namespace siltstone;
using base::Codec;

namespace {

constexpr std::size_t kLimit = 1 << 20;

std::vector<std::byte> random_bytes(std::size_t size, std::uint64_t values) {
  base::Random random(size);
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random.below(values));
  return bytes;
}

// Nothing when it is not worth it.
std::optional<std::vector<std::byte>> compressed(base::Bytes raw) {
  std::vector<std::byte> out(base::max_compressed_size(Codec::snappy, raw.size()));
  const auto size = base::compress(Codec::snappy, raw, out);
  REQUIRE(size.has_value());
  if (!size->has_value()) return std::nullopt;
  out.resize(**size);
  return out;
}

ErrorCode code_of_decompressing(base::Bytes stored, std::size_t size) {
  std::vector<std::byte> raw(size);
  const auto done = base::decompress(Codec::snappy, stored, raw);
  REQUIRE(!done);
  return done.error().code();
}

}  // namespace

TEST_CASE("compression: none keeps the bytes, and compressing to it is never worth it") {
  const auto raw = random_bytes(100, 256);
  CHECK(base::compress(Codec::none, raw, {}).value() == std::nullopt);
  CHECK(base::decompressed_size(Codec::none, raw, 100).value() == 100);
  std::vector<std::byte> back(100);
  CHECK(base::decompress(Codec::none, raw, back).has_value());
  CHECK(back == raw);
  std::vector<std::byte> larger(101);
  CHECK(base::decompress(Codec::none, raw, larger).error().code() == ErrorCode::corruption);
  CHECK(base::decompressed_size(Codec::none, raw, 99).error().code() == ErrorCode::corruption);
}

TEST_CASE("compression: a codec that is not there is refused by name") {
  const auto unknown = static_cast<Codec>(107);
  CHECK(!base::codec_available(unknown));
  const auto size = base::decompressed_size(unknown, {}, kLimit);
  REQUIRE(!size);
  CHECK(size.error().code() == ErrorCode::unsupported);
  CHECK(size.error().message().find("107") != std::string_view::npos);

  if (base::codec_available(Codec::snappy)) return;
  const auto done = base::compress(Codec::snappy, {}, {});
  REQUIRE(!done);
  CHECK(done.error().code() == ErrorCode::unsupported);
  CHECK(done.error().message().find("snappy") != std::string_view::npos);
}

TEST_CASE("compression: what was compressed comes back") {
  if (!base::codec_available(Codec::snappy)) return;
  for (const std::size_t size : {100UL, 4096UL, 65536UL, 300'000UL}) {
    CAPTURE(size);
    const auto raw = random_bytes(size, 3);
    const auto stored = compressed(raw);
    REQUIRE(stored.has_value());
    CHECK(stored->size() <= size - size / 8);
    REQUIRE(base::decompressed_size(Codec::snappy, *stored, size).value() == size);
    std::vector<std::byte> back(size);
    CHECK(base::decompress(Codec::snappy, *stored, back).has_value());
    CHECK(back == raw);
  }
}

TEST_CASE("compression: is not worth it when it saves less than an eighth") {
  if (!base::codec_available(Codec::snappy)) return;
  CHECK(!compressed(random_bytes(4096, 256)).has_value());
  CHECK(!compressed({}).has_value());
  // Random bytes with zeros at the end, of which Snappy saves all but some 200. An eighth is 512.
  auto raw = random_bytes(4096, 256);
  std::fill(raw.end() - 600, raw.end(), std::byte{0});
  CHECK(!compressed(raw).has_value());
  std::fill(raw.end() - 1000, raw.end(), std::byte{0});
  CHECK(compressed(raw).has_value());
}

TEST_CASE("compression: a few bytes cannot ask for gigabytes") {
  if (!base::codec_available(Codec::snappy)) return;
  for (const std::uint64_t promised :
       {std::uint64_t{kLimit} + 1, std::uint64_t{UINT32_MAX}, std::uint64_t{1000}}) {
    std::vector<std::byte> bomb;
    base::Appender(bomb).varint(promised);
    bomb.resize(30);
    const auto size = base::decompressed_size(Codec::snappy, bomb, kLimit);
    REQUIRE(!size);
    CHECK(size.error().code() == ErrorCode::corruption);
  }
  const auto stored = compressed(random_bytes(5000, 2));
  REQUIRE(stored.has_value());
  CHECK(base::decompressed_size(Codec::snappy, *stored, 5000).has_value());
  CHECK(base::decompressed_size(Codec::snappy, *stored, 4999).error().actual() == 5000);
}

TEST_CASE("compression: the densest encoding Snappy can make is not taken for a bomb") {
  if (!base::codec_available(Codec::snappy)) return;
  const std::vector<std::byte> zeros(kLimit);
  const auto stored = compressed(zeros);
  REQUIRE(stored.has_value());
  CHECK(base::decompressed_size(Codec::snappy, *stored, kLimit).value() == kLimit);
}

TEST_CASE("compression: damaged bytes are an error or other bytes, never more than asked for") {
  if (!base::codec_available(Codec::snappy)) return;
  const auto stored = compressed(random_bytes(2000, 3)).value();
  CHECK(code_of_decompressing(base::Bytes(stored).first(stored.size() - 1), 2000) ==
        ErrorCode::corruption);
  CHECK(code_of_decompressing({}, 2000) == ErrorCode::corruption);
  CHECK(code_of_decompressing(stored, 1999) == ErrorCode::corruption);
  base::Random random(1);
  std::vector<std::byte> raw(2000);
  std::size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    auto damaged = stored;
    damaged[random.below(damaged.size())] ^= static_cast<std::byte>(random.between(1, 255));
    refused += base::decompress(Codec::snappy, damaged, raw) ? 0 : 1;
  }
  CHECK(refused > 0);
}
