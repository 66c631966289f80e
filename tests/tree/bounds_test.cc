// Bounds are never too narrow, and never too long.
#include "tree/bounds.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "base/random.h"
#include "support/property.h"

namespace siltstone::tree {
namespace {

std::string random_key(base::Random& random) {
  std::string key;
  // Few letters, so that keys share long prefixes; the largest byte, which cannot be counted up.
  const std::uint64_t size = 1 + random.below(80);
  for (std::uint64_t i = 0; i < size; ++i) key += random.below(20) != 0 ? '\xff' : 'a';
  return key;
}

}  // namespace

TEST_CASE("bounds: short keys bound themselves") {
  const Bounds bounds = bounds_of("apple", "pear");
  CHECK(bounds.lower == "apple");
  CHECK(bounds.upper == "pear");
  CHECK(bounds.covers("apple"));
  CHECK(bounds.covers("pear"));
  CHECK_FALSE(bounds.covers("appl"));
  CHECK_FALSE(bounds.covers(std::string("pear\0", 5)));
}

TEST_CASE("bounds: long keys are cut outwards") {
  const std::string stem(kMaxBoundBytes - 1, 'k');
  const Bounds bounds = bounds_of(stem + "mm", stem + "mz");
  CHECK(bounds.lower == stem + "m");
  CHECK(bounds.upper == stem + "n");
}

TEST_CASE("bounds: where no text is larger there is no upper bound") {
  const std::string last(kMaxBoundBytes + 1, '\xff');
  const Bounds bounds = bounds_of("a", last);
  CHECK(bounds.upper.empty());
  CHECK(bounds.covers(last + last));
}

TEST_CASE("bounds: what lies between two keys is covered by their bounds") {
  support::for_each_seed(2000, [](std::uint64_t seed) {
    base::Random random(seed);
    std::string keys[] = {random_key(random), random_key(random), random_key(random)};
    std::ranges::sort(keys);
    const Bounds bounds = bounds_of(keys[0], keys[2]);
    for (const std::string& key : keys) CHECK(bounds.covers(key));
    CHECK(bounds.lower.size() <= kMaxBoundBytes);
    CHECK(bounds.upper.size() <= kMaxBoundBytes);
  });
}

}  // namespace siltstone::tree
