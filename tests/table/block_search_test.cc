// Tags and heads: what the steps of sixteen find is what a plain loop finds, at every border.
#include "table/block_search.h"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::table;

TEST_CASE("block search: tags match exactly where they are equal, and only as many as count") {
  support::Rng rng(1);
  std::array<char, 64> tags;
  for (int round = 0; round < 20'000; ++round) {
    const std::uint64_t spread = rng.coin() ? 256 : 3;
    for (char& tag : tags) tag = static_cast<char>(rng.below(spread) + (rng.coin() ? 0 : 0x7f));
    const auto count = static_cast<std::uint32_t>(rng.between(1, 64));
    const auto wanted = rng.coin() ? static_cast<std::uint8_t>(tags[rng.below(64)])
                                   : static_cast<std::uint8_t>(rng.next());
    std::uint64_t expected = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (static_cast<std::uint8_t>(tags[i]) == wanted) expected |= std::uint64_t{1} << i;
    }
    REQUIRE(match_tags(tags.data(), count, wanted) == expected);
  }
}

TEST_CASE("block search: heads below one are counted alike, of any number, at any alignment") {
  support::Rng rng(2);
  for (int round = 0; round < 5'000; ++round) {
    const std::uint64_t count = rng.below(rng.coin() ? 70 : 1000);
    const std::uint64_t spread = rng.coin() ? std::uint64_t{1} << 32 : 20;
    std::vector<std::int32_t> heads;
    for (std::uint64_t i = 0; i < count; ++i) {
      heads.push_back(
          head_of(static_cast<std::uint32_t>(rng.below(spread) * (rng.coin() ? 1 : 5))));
    }
    std::ranges::sort(heads);
    const std::int32_t wanted = !heads.empty() && rng.coin() ? heads[rng.below(count)]
                                : rng.coin() ? head_of(static_cast<std::uint32_t>(rng.next()))
                                : rng.coin() ? INT32_MAX
                                             : INT32_MIN;
    // What lies behind the heads must not count, however small.
    const std::uint64_t shift = rng.below(4);
    std::vector<char> bytes(shift + 4 * count + 16, '\x80');
    if (count > 0) std::memcpy(bytes.data() + shift, heads.data(), 4 * count);
    const auto below = std::ranges::count_if(heads, [&](auto head) { return head < wanted; });
    REQUIRE(lower_bound_head(bytes.data() + shift, static_cast<std::uint32_t>(count), wanted) ==
            below);
    REQUIRE(count_heads_below(bytes.data() + shift, static_cast<std::uint32_t>(count), wanted) ==
            below);
  }
}

TEST_CASE("block search: heads order as the four bytes they stand for, zeros behind the end") {
  CHECK(head_of_suffix("") == head_of(0));
  CHECK(head_of_suffix("") == head_of_suffix(std::string_view("\0\0", 2)));
  CHECK(head_of_suffix("a") == head_of(0x6100'0000));
  CHECK(head_of_suffix("abc") == head_of(0x6162'6300));
  CHECK(head_of_suffix("abcd") == head_of(0x6162'6364));
  CHECK(head_of_suffix("abcde") == head_of_suffix("abcdf"));
  CHECK(head_of_suffix("\x7f") < head_of_suffix("\x80"));
  CHECK(head_of_suffix("\xff\xff\xff\xff") == INT32_MAX);
}
