// Random: the published numbers, bounds kept, no value favoured.
#include "base/random.h"

#include <array>

#include <doctest/doctest.h>

using namespace siltstone;

TEST_CASE("random: the numbers are those of the published algorithm") {
  base::Random random(0);
  CHECK(random.next() == 0x99ec'5f36'cb75'f2b4);
  CHECK(random.next() == 0xbf6e'1f78'4956'452a);
}

TEST_CASE("random: equal seeds give equal numbers, others do not") {
  base::Random one(42);
  base::Random same(42);
  base::Random other(43);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = one.next();
    CHECK(number == same.next());
    CHECK(number != other.next());
  }
}

TEST_CASE("random: numbers under a bound are spread evenly") {
  base::Random random(7);
  std::array<int, 10> counts{};
  for (int i = 0; i < 100'000; ++i) counts[random.below(counts.size())] += 1;
  for (const int count : counts) {
    CHECK(count > 9'500);
    CHECK(count < 10'500);
  }
}

TEST_CASE("random: a bound that does not divide 2^64 favours no remainder") {
  // Without rejection, half of the numbers would fall into the first third of the range.
  base::Random random(8);
  const std::uint64_t bound = std::uint64_t{3} << 62;
  int low = 0;
  for (int i = 0; i < 30'000; ++i) low += random.below(bound) < (std::uint64_t{1} << 62) ? 1 : 0;
  CHECK(low > 9'500);
  CHECK(low < 10'500);
}

TEST_CASE("random: both ends of a closed range are reached, nothing outside") {
  base::Random random(9);
  bool first = false;
  bool last = false;
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t number = random.between(5, 8);
    CHECK(number >= 5);
    CHECK(number <= 8);
    first = first || number == 5;
    last = last || number == 8;
  }
  CHECK(first);
  CHECK(last);
  CHECK(random.between(3, 3) == 3);
  CHECK(random.between(0, UINT64_MAX) != random.between(0, UINT64_MAX));
}
