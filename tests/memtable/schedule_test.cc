// Readers against the writer under drawn schedules: at each named point of the writer's changes
// somebody reads. The plans are filled to just below where leaves, inner nodes or hash segments
// split, so that the splits happen under the readers.
#include <atomic>
#include <string>

#include <doctest/doctest.h>

#include "base/yield.h"
#include "memtable/fixture.h"
#include "memtable/plan.h"
#include "support/simulation.h"

using namespace siltstone;
using namespace siltstone::memtable;
using base::Sequence;
using support::Rng;
using support::Simulation;

#ifndef NDEBUG  // yield points are compiled out of release builds

namespace {

// How many writes there are before the readers come: leaves split at 41 keys, inner nodes at 41
// leaves, which are 820 keys or more.
std::uint64_t draw_start(Rng& rng) {
  switch (rng.below(5)) {
    case 0: return rng.below(10);
    case 1: return rng.between(36, 42);
    case 2: return TagHash::kSplitAt - rng.below(10);
    case 3: return rng.between(820, 1300);
    default: return rng.between(20, 1700);
  }
}

// `readings` times, at the sequence that is visible then, or one from before.
void spawn_reader(Simulation& sim, const std::string& name, int readings, const Reading& reading,
                  const Plan& plan, const Memtable& table,
                  const std::atomic<std::uint64_t>& visible) {
  sim.spawn(name, [&sim, name, readings, reading, &plan, &table, &visible] {
    Rng rng = Rng(sim.seed()).fork(name.size());
    for (int i = 0; i < readings; ++i) {
      const std::uint64_t now = visible.load(std::memory_order_acquire);
      const std::uint64_t at = rng.coin() ? now : rng.below(now + 1);
      CHECK(reading(plan, table, at, rng) == 0);
    }
  });
}

// All the keys at one sequence, while the writer goes on.
std::uint64_t read_every_key(const Plan& plan, const Memtable& table, std::uint64_t at, Rng&) {
  std::uint64_t wrong = 0;
  for (std::size_t key = 0; key < plan.keys().size(); key += 1 + plan.keys().size() / 64) {
    wrong += is_right(plan, key, at, table.get(plan.keys()[key], Sequence(at))) ? 0 : 1;
  }
  return wrong;
}

}  // namespace

TEST_CASE("memtable schedule: whatever the order of steps, a read sees exactly its sequence") {
  support::for_each_seed(200, [](std::uint64_t seed) {
    Simulation sim(seed);
    Rng rng = sim.rng().fork(1);
    const Shape shape = kShapes[rng.below(std::size(kShapes) - 1)];
    const std::uint64_t start = draw_start(rng);
    const Plan plan(shape, start + rng.between(5, 40), rng.coin() ? 100'000 : start + 10, seed);
    const auto table = make_memtable(std::size_t{1} << 20);
    std::atomic<std::uint64_t> visible{0};
    const auto publish = [&](std::uint64_t done) {
      visible.store(done, std::memory_order_release);
    };
    plan.write(*table, 1, start, publish);
    sim.spawn("writer", [&] { plan.write(*table, start + 1, plan.size(), publish); });
    spawn_reader(sim, "get", 2, read_every_key, plan, *table, visible);
    spawn_reader(sim, "seeks", 6, seek_some, plan, *table, visible);
    spawn_reader(sim, "walks far", 4, walk_some, plan, *table, visible);
    sim.run();
    CHECK(visible == plan.size());
  });
}

// However far the other one is: neither its record nor its place in the hash may be missed.
TEST_CASE("memtable schedule: a key that is staged while it is linked gets one record") {
  support::for_each_seed(100, [](std::uint64_t seed) {
    Simulation sim(seed);
    const auto table = make_memtable();
    put(*table, "other", "", 1);  // so that there is a segment to look into
    std::atomic<bool> linked{false};
    sim.spawn("links", [&] {
      put(*table, "key", "old", 2);
      linked = true;
    });
    sim.spawn("stages", [&] {
      Memtable::Staged staged(*table);
      REQUIRE(staged.put("key", "new"));
      while (!linked) base::yield_point("test: its turn to link");
      table->link(std::move(staged), Sequence(3));
    });
    sim.run();
    CHECK(table->usage().keys == 2);
    CHECK(value_at(*table, "key", 2) == "old");
    CHECK(value_at(*table, "key", 3) == "new");
  });
}

#endif
