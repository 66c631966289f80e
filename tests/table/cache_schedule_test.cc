// The block cache under drawn schedules: readers, loaders, pins and a table that goes, at each
// named point of each other's work, in a cache so small that nearly every load evicts.
#include <atomic>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/yield.h"
#include "support/simulation.h"
#include "table/cache_fixture.h"

using namespace siltstone;
using namespace siltstone::table;
using base::EpochGuard;
using support::Rng;
using support::Simulation;

#ifndef NDEBUG  // yield points are compiled out of release builds

namespace {

// Room for the parents, and for two slabs of six frames: half of the children.
constexpr std::size_t kBudget = 280 * kKiB;
constexpr std::size_t kFrameBytes = 20 * kKiB;
constexpr std::size_t kChildren = 12;
constexpr std::size_t kParents = 2;

std::uint64_t number_of(std::size_t parent, std::size_t child) { return parent * 100 + child; }

struct Readings {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t wrong = 0;

  void check(const FrameView& view, std::uint64_t number) {
    for (int i = 0; i < 2; ++i) {
      wrong += stamped(view.data, kFrameBytes) == number ? 0 : 1;
      base::yield_point("test: reading");
    }
  }
};

// As a get goes: the parent under the guard, then its child; what is missing is loaded outside.
class Reader {
 public:
  Reader(CacheWorld& world, Rng rng) : world_(world), rng_(rng) {}

  void run(int gets) {
    for (int i = 0; i < gets; ++i) get(rng_.below(kParents), rng_.below(kChildren));
    kept_ = {};
  }
  [[nodiscard]] const Readings& readings() const { return readings_; }

 private:
  void get(std::size_t parent, std::size_t child) {
    const std::uint64_t number = number_of(parent, child);
    PinnedObject<Parent> owner = find_parent(parent, child);
    if (!owner.pin) return;
    FreshFrame fresh = world_.cache->allocate(kFrameBytes).value();
    stamp(fresh.bytes, number);
    const auto entering = rng_.coin() ? Entering::point : Entering::scan;
    PinnedFrame frame =
        world_.cache->publish(std::move(fresh), owner->word(child),
                              static_cast<std::uint16_t>(number), owner.object, entering);
    owner.pin.reset();
    readings_.misses += 1;
    readings_.check(frame.view, number);
    readings_.wrong += owner.object == nullptr ? 1 : 0;
  }

  // Reads the child if it is there, and returns nothing; else the parent, pinned.
  PinnedObject<Parent> find_parent(std::size_t parent, std::size_t child) {
    {
      const EpochGuard guard;
      auto* const found = BlockCache::look_object<Parent>(world_.words[parent]);
      if (found != nullptr) {
        base::yield_point("test: has the parent");
        readings_.wrong += found->number() == parent + 1 ? 0 : 1;
        const FrameView view = look(found->word(child));
        if (!view) return {BlockCache::pin(*found), found};
        ++readings_.hits;
        if (rng_.below(4) == 0) keep(view, number_of(parent, child));
        readings_.check(view, number_of(parent, child));
        return {};
      }
    }
    return world_.cache->publish(std::make_unique<Parent>(parent + 1, kChildren, 4096),
                                 world_.words[parent]);
  }

  // Until the next one is kept.
  void keep(FrameView view, std::uint64_t number) {
    if (kept_.pin) readings_.check(kept_.view, kept_number_);
    kept_ = {world_.cache->pin(view), view};
    kept_number_ = number;
  }

  CacheWorld& world_;
  Rng rng_;
  Readings readings_;
  PinnedFrame kept_;
  std::uint64_t kept_number_ = 0;
};

}  // namespace

TEST_CASE("cache schedule: whatever the order of steps, a word leads to what was published in it") {
  Readings all;
  support::for_each_seed(300, [&](std::uint64_t seed) {
    const int before = Parent::alive;
    Simulation sim(seed);
    CacheWorld world(kBudget, kParents);
    std::vector<Reader> readers;
    const std::uint64_t count = sim.rng().between(2, 4);
    readers.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) readers.emplace_back(world, sim.rng().fork(i));
    for (std::uint64_t i = 0; i < count; ++i) {
      sim.spawn("reader " + std::to_string(i), [&, i] { readers[i].run(30); });
    }
    // A parent that goes and comes again stands for a table of which nobody knew it would go.
    sim.spawn("forgets", [&] {
      for (int i = 0; i < 6; ++i) {
        for (int wait = 0; wait < 40; ++wait) base::yield_point("test: waits");
        world.cache->forget(world.words);
        CHECK(within_budget(world.cache->stats()) <= kBudget);
      }
    });
    sim.run();
    for (const Reader& reader : readers) {
      CHECK(reader.readings().wrong == 0);
      all.hits += reader.readings().hits;
      all.misses += reader.readings().misses;
    }
    readers.clear();
    world.cache->forget(world.words);
    const CacheStats stats = world.cache->stats();
    CHECK(stats.entries == 0);
    CHECK(stats.pinned_bytes == 0);
    CHECK(stats.outside_bytes == 0);
    CHECK(stats.other_bytes == 0);
    world.end();
    CHECK(Parent::alive == before);
  });
  // Both happen, or nothing was shown.
  if (all.hits + all.misses > 1000) {
    CHECK(all.hits > all.misses / 10);
    CHECK(all.misses > all.hits / 10);
  }
}

// Its owner leaves while pins are given up: whoever is last frees the cache, and nobody twice.
TEST_CASE("cache schedule: the last pin and the end of the cache may come in any order") {
  support::for_each_seed(200, [](std::uint64_t seed) {
    Simulation sim(seed);
    CacheWorld world(kBudget, 4);
    std::vector<PinnedFrame> pinned;
    pinned.reserve(4);
    for (std::size_t i = 0; i < 4; ++i) pinned.push_back(world.load(i, i == 3 ? 20 * kKiB : 4096));
    sim.spawn("closes", [&] { world.end(); });
    for (std::size_t i = 0; i < 4; ++i) {
      sim.spawn("unpins " + std::to_string(i), [&, i] {
        CHECK(stamped(pinned[i].view.data) == i);
        pinned[i].pin.reset();
      });
    }
    sim.run();
  });
}

#endif
