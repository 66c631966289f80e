// Values: a function of the key and the seed, as compressible as was asked.
#include "values.h"

#include <span>
#include <string>

#include <doctest/doctest.h>

#include "base/compression.h"

using siltstone::kvbench::Values;

TEST_CASE("values: the same key has the same value, other keys and seeds have others") {
  const Values values(100, 0.5, 1);
  const Values again(100, 0.5, 1);
  const Values other(100, 0.5, 2);
  for (std::uint64_t number = 0; number < 1000; ++number) {
    CHECK(values.of(number).size() == 100);
    CHECK(values.of(number) == again.of(number));
    CHECK(values.of(number) != other.of(number));
    CHECK(values.of(number) != values.of(number + 1));
  }
}

TEST_CASE("values: empty ones and large ones are made") {
  CHECK(Values(0, 0.5, 1).of(3).empty());
  CHECK(Values(5'000'000, 0.5, 1).of(3).size() == 5'000'000);
}

/// The size of a hundred values one after the other, compressed, as a share of their raw size.
static double compressed_share(double compressibility) {
  using namespace siltstone::base;
  const Values values(1000, compressibility, 1);
  std::string raw;
  for (std::uint64_t number = 0; number < 100; ++number) raw += values.of(number);
  std::string out(max_compressed_size(Codec::snappy, raw.size()), '\0');
  const auto size = compress(Codec::snappy, std::as_bytes(std::span(raw)),
                             std::as_writable_bytes(std::span(out)));
  REQUIRE(size);
  return static_cast<double>(size->value_or(raw.size())) / static_cast<double>(raw.size());
}

TEST_CASE("values: a compressor takes away what was asked") {
  if (!siltstone::base::codec_available(siltstone::base::Codec::snappy)) return;
  CHECK(compressed_share(0.0) == doctest::Approx(1.0));
  CHECK(compressed_share(0.5) == doctest::Approx(0.5).epsilon(0.15));
  CHECK(compressed_share(0.75) == doctest::Approx(0.25).epsilon(0.3));
}
