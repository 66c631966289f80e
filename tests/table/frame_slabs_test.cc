// Slabs: frames do not overlap, are found from their bytes, and all memory can be had again in any
// size.
#include "table/frame_slabs.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include "support/property.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

FrameSlabs slabs_of(std::size_t bytes) {
  return FrameSlabs::create(bytes, base::PageKind::normal).value();
}

CacheEntry* take(FrameSlabs& slabs, std::size_t pages) {
  if (CacheEntry* const frame = slabs.take(pages)) return frame;
  return slabs.assign(pages, nullptr, true) ? slabs.take(pages) : nullptr;
}

std::vector<CacheEntry*> take_all(FrameSlabs& slabs, std::size_t pages) {
  std::vector<CacheEntry*> frames;
  while (CacheEntry* const frame = take(slabs, pages)) frames.push_back(frame);
  return frames;
}

}  // namespace

TEST_CASE("frame slabs: nine tenths of the memory are frames, of every size class") {
  for (const std::size_t budget : {std::size_t{8} << 20, std::size_t{100} << 20}) {
    for (std::size_t pages = 1; pages <= 16; ++pages) {
      FrameSlabs slabs = slabs_of(budget);
      const std::size_t bytes = take_all(slabs, pages).size() * pages * kFramePageBytes;
      CHECK(slabs.resident_bytes() <= budget);
      // A slab of 256 KiB holds three of the largest frames.
      CHECK(bytes * 100 >= budget * (budget > std::size_t{64} << 20 ? 90 : 70));
    }
  }
}

TEST_CASE("frame slabs: frames of all sizes keep their bytes, and are found from them") {
  support::for_each_seed(40, [](std::uint64_t seed) {
    support::Rng rng(seed);
    FrameSlabs slabs = slabs_of(std::size_t{2} << 20);
    struct Used {
      CacheEntry* frame;
      std::byte mark;
    };
    std::vector<Used> used;
    for (int step = 0; step < 400; ++step) {
      if (rng.below(5) < 3) {
        CacheEntry* const frame = take(slabs, rng.between(1, rng.coin() ? 2 : 16));
        if (frame == nullptr) continue;
        const auto mark = static_cast<std::byte>(rng.next());
        std::memset(slabs.data_of(*frame), static_cast<int>(mark), frame->bytes());
        used.push_back({frame, mark});
      } else if (!used.empty()) {
        std::swap(used[rng.below(used.size())], used.back());
        const auto [frame, mark] = used.back();
        used.pop_back();
        const std::span bytes(slabs.data_of(*frame), frame->bytes());
        REQUIRE(reinterpret_cast<std::uintptr_t>(bytes.data()) % kFramePageBytes == 0);
        REQUIRE(slabs.contains(bytes.data()));
        REQUIRE(&slabs.entry_of(bytes.data()) == frame);
        REQUIRE(std::ranges::count(bytes, mark) == static_cast<std::ptrdiff_t>(bytes.size()));
        slabs.give_back(*frame);
      }
    }
  });
}

TEST_CASE("frame slabs: what one size has given back another size gets") {
  FrameSlabs slabs = slabs_of(std::size_t{4} << 20);
  const std::size_t all = take_all(slabs, 3).size();
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t pages : {16U, 1U, 3U}) {
      auto frames = take_all(slabs, pages);
      // In the first round everything is in use.
      if (round == 0 && pages == 16) CHECK(frames.empty());
      for (CacheEntry* const frame : frames) slabs.give_back(*frame);
    }
    if (round == 0) slabs = slabs_of(std::size_t{4} << 20);
  }
  CHECK(take_all(slabs, 3).size() == all);
}

TEST_CASE("frame slabs: memory is taken when needed, and given back by the slab") {
  FrameSlabs slabs = slabs_of(std::size_t{4} << 20);
  CHECK(slabs.resident_bytes() == 0);
  CHECK(!slabs.assign(1, nullptr, false));
  CHECK(!slabs.discard_one());
  CacheEntry* const frame = take(slabs, 1);
  CHECK(slabs.resident_bytes() == slabs.slab_bytes());
  CHECK(!slabs.discard_one());
  CHECK(slabs.free_bytes() > slabs.slab_bytes() / 2);
  slabs.give_back(*frame);
  CHECK(slabs.free_bytes() == 0);
  CHECK(slabs.has_vacant(false));
  CHECK(slabs.discard_one());
  CHECK(slabs.resident_bytes() == 0);
  const auto slab = slabs.withdraw();
  REQUIRE(slab.has_value());
  CHECK(slabs.resident_bytes() == slabs.slab_bytes());
  slabs.populate(*slab);
  slabs.admit(*slab);
  CHECK(slabs.assign(2, nullptr, false));
}

TEST_CASE("frame slabs: the sparsest slab is the one with the least in use") {
  FrameSlabs slabs = slabs_of(std::size_t{32} << 20);
  CHECK(slabs.sparsest() == nullptr);
  const auto full = take_all(slabs, 16);
  CHECK(slabs.sparsest() == nullptr);
  const auto neighbours = slabs.neighbours(*full[4]);
  for (CacheEntry* const frame : full) {
    const bool inside = slabs.neighbours(*frame).data() == neighbours.data();
    if (inside ? frame != full[4] : frame == full.back()) slabs.give_back(*frame);
  }
  REQUIRE(slabs.sparsest() != nullptr);
  CHECK(slabs.neighbours(*slabs.sparsest()).data() == neighbours.data());
}
