// Properties as bytes: round trip, tags of later versions, hostile payloads.
#include "table/properties.h"

#include <vector>

#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/random.h"
#include "support/property.h"

namespace siltstone::table {
namespace {

Properties example() {
  return {.counts = {.entries = 1000,
                     .erasures = 10,
                     .expiring = 3,
                     .key_bytes = 20'000,
                     .value_bytes = 99'000},
          .oldest = base::Sequence(5),
          .newest = base::kMaxSequence,
          .first_expiry = -4,
          .last_expiry = 1'700'000'000'000,
          .keys = 900,
          .blocks = 31,
          .partitions = 2,
          .outside_values = 1,
          .raw_bytes = 119'000,
          .stored_bytes = 60'416,
          .filter_bits = 10};
}

}  // namespace

TEST_CASE("properties: come back as they were") {
  const auto decoded = decode_properties(encode_properties(example()));
  REQUIRE(decoded);
  CHECK(*decoded == example());
}

TEST_CASE("properties: a tag of a later version is passed over") {
  std::vector<std::byte> payload = encode_properties(example());
  payload[0] = static_cast<std::byte>(std::to_integer<int>(payload[0]) + 1);
  base::Appender out(payload);
  out.varint(200);
  out.varint(12345);
  const auto decoded = decode_properties(payload);
  REQUIRE(decoded);
  CHECK(*decoded == example());
}

TEST_CASE("properties: every cut, and every byte too many, is corruption") {
  std::vector<std::byte> payload = encode_properties(example());
  for (std::size_t size = 0; size < payload.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_properties(std::span(payload).first(size)));
  }
  payload.push_back(std::byte{0});
  CHECK_FALSE(decode_properties(payload));
}

TEST_CASE("properties: numbers that cannot be are corruption") {
  Properties p = example();
  p.counts.erasures = 999;
  CHECK_FALSE(decode_properties(encode_properties(p)));
  p = example();
  p.oldest = base::Sequence(6);
  p.newest = base::Sequence(5);
  CHECK_FALSE(decode_properties(encode_properties(p)));
  CHECK_FALSE(decode_properties(encode_properties(Properties())));
}

TEST_CASE("properties: random bytes never do worse than an error") {
  support::for_each_seed(20'000, [](std::uint64_t seed) {
    base::Random random(seed);
    std::vector<std::byte> payload = encode_properties(example());
    for (std::uint64_t flips = 1 + random.below(4); flips != 0; --flips) {
      payload[random.below(payload.size())] = static_cast<std::byte>(random.below(256));
    }
    const auto decoded = decode_properties(payload);
    if (decoded) CHECK(decoded->keys <= decoded->counts.entries);
  });
}

}  // namespace siltstone::table
