// Keys: decimal numbers whose order is that of the keys, and keys that are never there.
#include "keys.h"

#include <doctest/doctest.h>

using namespace siltstone::kvbench;

TEST_CASE("keys: a number is written with zeros in front, and read back") {
  KeyWriter writer(16);
  CHECK(writer.write(0) == "0000000000000000");
  CHECK(writer.write(7) == "0000000000000007");
  CHECK(writer.write(1234567890) == "0000001234567890");
  CHECK(KeyWriter(3).write(999) == "999");
  for (std::uint64_t number = 1; number < 1'000'000'000'000; number *= 3) {
    CHECK(parse_key(writer.write(number)) == number);
  }
}

TEST_CASE("keys: their order is that of the numbers") {
  KeyWriter writer(8);
  std::string before(writer.write(0));
  for (std::uint64_t number = 1; number < 20'000; ++number) {
    const std::string key(writer.write(number));
    REQUIRE(before < key);
    before = key;
  }
}

TEST_CASE("keys: a missing key has the size of the others, lies between them, and is no number") {
  KeyWriter writer(8);
  for (const std::uint64_t number : {0u, 9u, 10u, 12345678u}) {
    const std::string missing(writer.write_missing(number));
    CHECK(missing.size() == 8);
    CHECK_FALSE(parse_key(missing));
    CHECK(missing > writer.write(number / 10 * 10 + 9));
    CHECK(missing < writer.write(number / 10 * 10 + 10));
  }
}

TEST_CASE("keys: digits are counted") {
  CHECK(digits(0) == 1);
  CHECK(digits(9) == 1);
  CHECK(digits(10) == 2);
  CHECK(digits(UINT64_MAX) == 20);
}
