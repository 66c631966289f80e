// Counting heads: every path counts alike, at every border.
#include "memtable/head_count.h"

#include <algorithm>
#include <array>

#include <doctest/doctest.h>

#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::memtable;

TEST_CASE("head count: all paths agree on any number of heads, equal ones, and the extremes") {
  support::Rng rng(1);
  alignas(64) Heads heads;
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t spread = rng.coin() ? UINT64_MAX : rng.between(1, 50);
    const std::uint64_t used = rng.between(0, kSlots);
    std::array<std::int64_t, kSlots> values;
    for (auto& value : values) value = head_of(rng.below(spread));
    if (rng.coin()) values[0] = head_of(0);
    if (rng.coin()) values[1] = head_of(UINT64_MAX);
    std::sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(used));
    for (std::size_t i = 0; i < kSlots; ++i) heads[i] = i < used ? values[i] : kNoHead;
    const std::int64_t wanted = rng.coin() ? values[rng.below(kSlots)] : head_of(rng.next());
    const auto below = std::count_if(values.begin(), values.begin() + static_cast<int>(used),
                                     [&](std::int64_t value) { return value < wanted; });
    for (const CountPath& path : all_count_paths()) {
      CAPTURE(path.name);
      if (path.usable()) REQUIRE(path.count(heads, wanted) == below);
    }
    REQUIRE(count_below(heads, wanted) == below);
  }
}

TEST_CASE("head count: heads order as the unsigned words they stand for") {
  CHECK(head_of(0) < head_of(1));
  CHECK(head_of(INT64_MAX) < head_of(std::uint64_t{1} << 63));
  CHECK(head_of(UINT64_MAX) == kNoHead);
  CHECK(word_of_head(head_of(0x0123'4567'89ab'cdef)) == 0x0123'4567'89ab'cdef);
}
