// The filter: no key that was put in is refused, few others pass, and what is stored never changes.
#include "table/filter.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "base/crc32c.h"
#include "support/property.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

struct Filled {
  Filled(std::span<const std::uint64_t> hashes, unsigned bits_per_key)
      : shape(filter_shape(static_cast<std::uint32_t>(hashes.size()), bits_per_key)),
        lines(shape.bytes()) {
    fill_filter(hashes, shape, bytes());
  }
  [[nodiscard]] base::MutableBytes bytes() const { return {lines.data(), lines.size()}; }
  [[nodiscard]] Filter filter() const { return {bytes(), shape.probes}; }

  FilterShape shape;
  LineBuffer lines;
};

std::vector<std::uint64_t> some_hashes(std::uint64_t seed, std::size_t count) {
  support::Rng rng(seed);
  std::vector<std::uint64_t> hashes(count);
  for (auto& hash : hashes) hash = rng.next();
  return hashes;
}

double passing(unsigned bits_per_key) {
  constexpr std::size_t kKeys = 100'000;
  const Filled filled(some_hashes(1, kKeys), bits_per_key);
  std::size_t passed = 0;
  for (const std::uint64_t hash : some_hashes(2, kKeys)) {
    passed += filled.filter().may_contain(hash) ? 1 : 0;
  }
  return static_cast<double>(passed) / kKeys;
}

}  // namespace

TEST_CASE("filter: every key that was put in passes, at any size and number of bits") {
  support::for_each_seed(200, [](std::uint64_t seed) {
    support::Rng rng(seed);
    const auto hashes = some_hashes(seed, rng.between(1, 3000));
    const auto bits = static_cast<unsigned>(rng.between(1, kMaxFilterBitsPerKey));
    const Filled filled(hashes, bits);
    std::size_t refused = 0;
    for (const std::uint64_t hash : hashes) {
      filled.filter().prefetch(hash);
      refused += filled.filter().may_contain(hash) ? 0 : 1;
    }
    CHECK(refused == 0);
  });
}

TEST_CASE("filter: few keys pass that were not put in, fewer with more bits") {
  const double with_8 = passing(8);
  const double with_10 = passing(10);
  const double with_12 = passing(12);
  CAPTURE(with_8);
  CAPTURE(with_10);
  CAPTURE(with_12);
  CHECK(with_8 < 0.026);
  CHECK(with_10 < 0.011);
  CHECK(with_12 < 0.005);
}

TEST_CASE("filter: all ways of looking at a line agree") {
  support::for_each_seed(2000, [](std::uint64_t seed) {
    support::Rng rng(seed);
    alignas(kCacheLineBytes) std::array<std::uint64_t, 8> line;
    for (auto& word : line) word = rng.next() | rng.next() | rng.next();
    const auto* const bytes = reinterpret_cast<const std::byte*>(line.data());
    for (unsigned probes = 1; probes <= kMaxFilterProbes; ++probes) {
      const auto bits = static_cast<std::uint32_t>(rng.next());
      const bool expected = probe_line_scalar(bytes, bits, probes);
      for (const ProbePath& path : all_probe_paths()) {
        if (path.usable()) CHECK(path.probe(bytes, bits, probes) == expected);
      }
    }
  });
}

TEST_CASE("filter: a probe asks for its own bit and for no other") {
  alignas(kCacheLineBytes) std::array<std::byte, kCacheLineBytes> line{};
  line.fill(std::byte{0xff});
  support::Rng rng(1);
  for (unsigned i = 0; i < 1000; ++i) {
    const auto bits = static_cast<std::uint32_t>(rng.next());
    for (unsigned probe = 0; probe < kMaxFilterProbes; ++probe) {
      const std::uint32_t bit = (bits * kFilterMultipliers[probe]) >> 23;
      line[bit / 8] ^= std::byte{1} << (bit % 8);
      for (const ProbePath& path : all_probe_paths()) {
        if (path.usable()) CHECK_FALSE(path.probe(line.data(), bits, probe + 1));
      }
      line[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
}

TEST_CASE("filter: the stored bytes of a filter never change") {
  const auto hashes = some_hashes(3, 1000);
  const Filled filled(hashes, 10);
  CHECK(filled.shape == FilterShape{20, 6});
  CHECK(base::crc32c(0, filled.bytes()) == 364'569'336);
}

TEST_CASE("filter: the shape follows keys and bits") {
  CHECK(filter_shape(1, 1) == FilterShape{1, 1});
  CHECK(filter_shape(51, 10) == FilterShape{1, 6});
  CHECK(filter_shape(52, 10) == FilterShape{2, 6});
  CHECK(filter_shape(1000, 8) == FilterShape{16, 5});
  CHECK(filter_shape(1000, 12) == FilterShape{24, 7});
  CHECK(filter_shape(1000, 16) == FilterShape{32, 8});
  CHECK(filter_shape(UINT32_MAX, 16).lines == 134'217'728);
}
