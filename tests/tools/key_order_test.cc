// The order of a fill: each key once, the same for the same seed, and really mixed.
#include "key_order.h"

#include <vector>

#include <doctest/doctest.h>

using siltstone::kvbench::KeyOrder;

TEST_CASE("key order: both orders name every key exactly once") {
  for (const std::uint64_t num : {1u, 2u, 3u, 5u, 1000u, 4096u, 4097u}) {
    for (const KeyOrder& order : {KeyOrder::sequential(num), KeyOrder::shuffled(num, 7)}) {
      std::vector<int> seen(num);
      for (std::uint64_t position = 0; position < num; ++position)
        ++seen.at(order.key_at(position));
      CHECK(seen == std::vector<int>(num, 1));
    }
  }
}

TEST_CASE("key order: sequential is ascending, and shuffled depends on the seed alone") {
  const auto first = KeyOrder::shuffled(1000, 1);
  const auto again = KeyOrder::shuffled(1000, 1);
  const auto other = KeyOrder::shuffled(1000, 2);
  int same_as_other = 0;
  for (std::uint64_t position = 0; position < 1000; ++position) {
    CHECK(KeyOrder::sequential(1000).key_at(position) == position);
    CHECK(first.key_at(position) == again.key_at(position));
    same_as_other += first.key_at(position) == other.key_at(position) ? 1 : 0;
  }
  CHECK(same_as_other < 20);
}

TEST_CASE("key order: shuffled spreads a stretch of positions over all keys as chance would") {
  constexpr std::uint64_t kNum = 100'000;
  constexpr std::uint64_t kBins = 20;
  constexpr std::uint64_t kStretch = 2000;
  double sum = 0;
  double stretches = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto order = KeyOrder::shuffled(kNum, seed);
    for (std::uint64_t begin = 0; begin < kNum; begin += kStretch) {
      std::vector<double> bins(kBins);
      for (std::uint64_t i = 0; i < kStretch; ++i) ++bins[order.key_at(begin + i) / (kNum / kBins)];
      double chi_square = 0;
      for (const double count : bins) {
        const double expected = double{kStretch} / kBins;
        chi_square += (count - expected) * (count - expected) / expected;
      }
      // 19 degrees of freedom: one in 10^8 random stretches is beyond 76.
      CHECK(chi_square < 76);
      sum += chi_square;
      ++stretches;
    }
  }
  // Too even is no chance either: a plain progression is.
  CHECK(sum / stretches == doctest::Approx(19).epsilon(0.15));
}
