// The block cache alone: what it keeps, what it gives up first, and that it keeps within its
// budget.
#include "table/block_cache.h"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "support/property.h"
#include "support/rng.h"
#include "table/cache_fixture.h"

using namespace siltstone;
using namespace siltstone::table;
using base::EpochGuard;

TEST_CASE("block cache: what is published is found, with its meta, until it is forgotten") {
  CacheWorld world(1024 * kKiB, 4);
  CHECK(!world.holds(1));
  static_cast<void>(world.load(1, 5000));
  {
    const EpochGuard guard;
    const FrameView view = look(world.words[1]);
    REQUIRE(view);
    CHECK(view.meta == 1);
    CHECK(reinterpret_cast<std::uintptr_t>(view.data) % 4096 == 0);
    CHECK(stamped(view.data, 5000) == 1);
  }
  CHECK(!world.holds(0));
  world.cache->forget(std::span(world.words).subspan(1, 1));
  CHECK(!world.holds(1));
  CHECK(world.cache->stats().entries == 0);
}

TEST_CASE("block cache: a frame that is not published goes with its pin") {
  CacheWorld world(1024 * kKiB, 1);
  for (int i = 0; i < 1000; ++i) {
    CHECK(world.cache->allocate(64 * kKiB).has_value());
    CHECK(world.cache->allocate(200 * kKiB).has_value());
  }
  const CacheStats stats = world.cache->stats();
  CHECK(stats.entries == 0);
  CHECK(stats.evicted == 0);
  CHECK(stats.pinned_bytes == 0);
  CHECK(stats.other_bytes == 0);
}

TEST_CASE("block cache: of two loaders of one block the second gets the frame of the first") {
  CacheWorld world(1024 * kKiB, 1);
  FreshFrame one = world.cache->allocate(4096).value();
  FreshFrame two = world.cache->allocate(4096).value();
  stamp(one.bytes, 1);
  stamp(two.bytes, 2);
  const PinnedFrame first = world.cache->publish(std::move(one), world.words[0], 7, nullptr);
  const PinnedFrame second = world.cache->publish(std::move(two), world.words[0], 8, nullptr);
  CHECK(second.view.data == first.view.data);
  CHECK(second.view.meta == 7);
  CHECK(world.cache->stats().lost_races == 1);
  CHECK(world.cache->stats().inserted == 1);
  CHECK(world.cache->stats().pinned_bytes == 4096);
}

TEST_CASE("block cache: any load stays within the budget, and what is found is what was loaded") {
  support::for_each_seed(30, [](std::uint64_t seed) {
    support::Rng rng(seed);
    const std::size_t budget = rng.between(0, 3 << 20);
    CacheWorld world(budget, 600);
    std::vector<std::size_t> sizes(world.words.size());
    for (auto& size : sizes) {
      const std::uint64_t kind = rng.below(20);
      size = kind == 0 ? rng.between(65, 900) * kKiB : kind < 5 ? rng.between(8, 65'536) : 4096;
    }
    std::vector<PinnedFrame> pinned;
    for (int step = 0; step < 3000; ++step) {
      const std::size_t number = rng.below(rng.coin() ? 60 : world.words.size());
      if (!world.get(number, sizes[number])) {
        const CacheStats stats = world.cache->stats();
        REQUIRE(within_budget(stats) <= budget);
      }
      const EpochGuard guard;
      const FrameView view = look(world.words[number]);
      if (view) REQUIRE(stamped(view.data, sizes[number] / 8 * 8) == number);
      if (view && rng.below(50) == 0) pinned.push_back({world.cache->pin(view), view});
      if (!pinned.empty() && rng.below(60) == 0) pinned.erase(pinned.begin());
    }
    for (const auto& [pin, view] : pinned) REQUIRE(stamped(view.data, 8) == view.meta);
    world.cache->forget(world.words);
    CHECK(within_budget(world.cache->stats()) <= budget);
    pinned.clear();
    CHECK(world.cache->stats().pinned_bytes == 0);
    CHECK(world.cache->stats().outside_bytes == 0);
    CHECK(world.cache->stats().other_bytes == 0);
    CHECK(world.cache->stats().entries == 0);
  });
}

TEST_CASE("block cache: with everything pinned, loads are had outside of the budget") {
  CacheWorld world(512 * kKiB, 300);
  std::vector<PinnedFrame> pinned;
  for (std::size_t i = 0; i < 300; ++i) {
    pinned.push_back(world.load(i));
    REQUIRE(within_budget(world.cache->stats()) <= 512 * kKiB);
  }
  CHECK(world.cache->stats().evicted == 0);
  CHECK(world.cache->stats().outside_bytes > 0);
  for (std::size_t i = 0; i < 300; ++i) CHECK(stamped(pinned[i].view.data) == i);
  const std::size_t cached = world.count(0, 300);
  CHECK(cached > 90);
  CHECK(cached < 128);
  pinned.clear();
  CHECK(world.cache->stats().outside_bytes == 0);
  CHECK(world.cache->stats().pinned_bytes == 0);
  // And now there is something to evict.
  CHECK(!world.get(299));
  CHECK(world.holds(299));
}

TEST_CASE("block cache: a pinned frame outlives its word, and its cache") {
  Pin kept;
  const std::byte* data = nullptr;
  {
    CacheWorld world(256 * kKiB, 2);
    static_cast<void>(world.load(1));
    {
      const EpochGuard guard;
      const FrameView view = look(world.words[1]);
      kept = world.cache->pin(view);
      data = view.data;
    }
    world.cache->forget(world.words);
    for (int i = 0; i < 500; ++i) {
      static_cast<void>(world.load(0));
      world.cache->forget(world.words);
    }
    CHECK(stamped(data) == 1);
  }
  CHECK(stamped(data) == 1);
  Pin other = kept.share();
  kept.reset();
  CHECK(stamped(data) == 1);
}

TEST_CASE("block cache: what is touched again and again stays, beside any stream of gets") {
  CacheWorld world(2048 * kKiB, 10'000);
  constexpr std::size_t kHot = 100;
  for (std::size_t i = 0; i < kHot; ++i) world.get(i);
  for (std::size_t i = kHot; i < 5000; ++i) {
    world.get(i);
    world.get(i % kHot);
  }
  CHECK(world.count(0, kHot) == kHot);
  CHECK(world.cache->stats().evicted > 4000);
}

TEST_CASE("block cache: a scan evicts what scans loaded, and little of what gets loaded") {
  CacheWorld world(2048 * kKiB, 20'000);
  constexpr std::size_t kGets = 400;
  for (std::size_t i = 0; i < kGets; ++i) world.get(i);
  const auto scan = [&](std::size_t first, std::size_t end) {
    for (; first < end; ++first) static_cast<void>(world.load(first, 4096, Entering::scan));
  };
  scan(1000, 1800);  // as large as all of the cache, and more
  CHECK(world.count(0, kGets) > kGets * 3 / 4);
  // But a scan of ten times that much has what nobody asked for any more.
  scan(2000, 20'000);
  CHECK(world.count(0, kGets) < kGets / 2);
}

TEST_CASE("block cache: a scan through everything spares what is in use") {
  CacheWorld world(2048 * kKiB, 20'000);
  constexpr std::size_t kGets = 300;
  for (std::size_t i = 1000; i < 20'000; ++i) {
    world.get(i % kGets);
    static_cast<void>(world.load(i, 4096, Entering::scan));
  }
  CHECK(world.count(0, kGets) == kGets);
}

TEST_CASE("block cache: an object stays while its children do, and longer than they") {
  CacheWorld world(1024 * kKiB, 2020);
  const Parent* parent = nullptr;
  {
    const auto made =
        world.cache->publish(std::make_unique<Parent>(7, 10, 20 * kKiB), world.words[0]);
    CHECK(made->number() == 7);
    static_cast<void>(world.load_into(made->word(3), 70, made.object));
    parent = made.object;
  }
  std::size_t gets = 1;
  while (peek(parent->word(3)) && gets < 1500) world.get(gets++);
  CHECK(gets < 500);
  // The hand has come by once; it does so again before it takes what nobody asks for.
  const std::size_t round = gets;
  while (world.holds(0) && gets < 2000) world.get(gets++);
  CHECK(gets > 3 * round);
  CHECK(gets < 2000);
  for (int i = 0; i < 20; ++i) world.get(gets++);
  CHECK(Parent::alive == 0);
}

TEST_CASE("block cache: nothing is published in an object that was given up") {
  CacheWorld world(1024 * kKiB, 2);
  auto parent = world.cache->publish(std::make_unique<Parent>(7, 10, 8192), world.words[0]);
  static_cast<void>(world.load_into(parent->word(1), 71, parent.object));
  CHECK(world.cache->stats().entries == 2);
  world.cache->forget(world.words);
  CHECK(world.cache->stats().entries == 0);
  CHECK(Parent::alive == 1);
  const PinnedFrame frame = world.load_into(parent->word(2), 72, parent.object);
  CHECK(!peek(parent->word(1)));
  CHECK(!peek(parent->word(2)));
  CHECK(stamped(frame.view.data) == 72);
  parent.pin.reset();
  CHECK(Parent::alive == 0);
  CHECK(stamped(frame.view.data) == 72);
}

TEST_CASE("block cache: an object that loses to another, or finds no room, is not found") {
  CacheWorld world(512 * kKiB, 2);
  const auto first = world.cache->publish(std::make_unique<Parent>(1, 1, 4096), world.words[0]);
  const auto second = world.cache->publish(std::make_unique<Parent>(2, 1, 4096), world.words[0]);
  CHECK(second.object == first.object);
  CHECK(Parent::alive == 1);
  {
    const auto large =
        world.cache->publish(std::make_unique<Parent>(3, 1, 400 * kKiB), world.words[1]);
    CHECK(large->number() == 3);
    CHECK(!world.holds(1));
    CHECK(world.cache->stats().outside_bytes == 400 * kKiB);
    const PinnedFrame child = world.load_into(large->word(0), 5, large.object);
    CHECK(!peek(large->word(0)));
  }
  CHECK(world.cache->stats().outside_bytes == 0);
}

TEST_CASE("block cache: frames of a size that was not there before get their share at once") {
  CacheWorld world(8192 * kKiB, 4000);
  for (std::size_t i = 0; i < 3000; ++i) world.get(i);
  for (std::size_t i = 3000; i < 3150; ++i) world.get(i, 16 * kKiB);
  CHECK(world.count(3000, 3150) > 140);
}

TEST_CASE("block cache: memory of frames that nobody asks for any more is not lost") {
  CacheWorld world(8192 * kKiB, 6000);
  for (std::size_t i = 0; i < 3000; ++i) world.get(i, i % 10 == 0 ? 16 * kKiB : 4096);
  for (int round = 0; round < 6; ++round) {
    for (std::size_t i = 3000; i < 4700; ++i) world.get(i);
  }
  CHECK(world.count(3000, 4700) > 1600);
}

TEST_CASE("block cache: what is pinned stays found, whatever size its memory is wanted for") {
  CacheWorld world(4096 * kKiB, 4000);
  std::vector<PinnedFrame> pinned;
  for (std::size_t i = 0; i < 900; ++i) {
    PinnedFrame frame = world.load(i);
    if (i % 30 == 0) pinned.push_back(std::move(frame));
  }
  for (std::size_t i = 1000; i < 1500; ++i) world.get(i, 16 * kKiB);
  for (const auto& [pin, view] : pinned) CHECK(world.holds(view.meta));
}

TEST_CASE("block cache: memory made ready ahead is within the budget, and comes to an end") {
  CacheWorld world(2048 * kKiB, 1);
  CHECK(world.cache->prepare());
  CHECK(!world.cache->prepare());
  const std::size_t slab = world.cache->stats().slab_bytes;
  CHECK(slab > 0);
  static_cast<void>(world.load(0));
  CHECK(world.cache->stats().slab_bytes == slab);
  CHECK(world.cache->prepare());
}

TEST_CASE("block cache: a frame larger than the largest value is refused") {
  CacheWorld world(1024 * kKiB, 1);
  CHECK(world.cache->allocate(std::size_t{66} << 20).error().code() == ErrorCode::invalid_argument);
  CHECK(world.cache->allocate(std::size_t{64} << 20).value().bytes.size() >= std::size_t{64} << 20);
  CHECK(world.cache->allocate(0).value().bytes.size() == 4096);
}
