// Mode interval where the ring is a mapped file: what a write costs, and what happens when the file
// system does not back the mapping (any more).
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "db/world.h"
#include "support/property.h"
#include "support/sim_storage.h"

using namespace siltstone;
using namespace std::chrono_literals;
using db::count;
using db::sleep;
using db::World;
using support::for_each_seed;
using support::Op;

namespace {

db::Settings settings(std::size_t ring_bytes = std::size_t{8} << 20) {
  db::Settings settings;
  settings.dir = "db";
  settings.durability = Durability::interval;
  settings.log_buffer_bytes = ring_bytes;
  return settings;
}

}  // namespace

TEST_CASE("mapped: a write touches the machine only to have the next window of the ring ready") {
  World world(1);
  Db db = world.open(settings());
  REQUIRE(db.stats()->log.mapped);
  CHECK(!db.stats()->log.why_not_mapped);
  const auto before = world.storage.operations();
  for (int i = 0; i < 1000; ++i) REQUIRE(db.put(std::to_string(i), std::string(100, 'v')));
  CHECK(world.storage.operations() == before + 1);
  CHECK(count(db) == 1000);
  CHECK(db.durable_seq() == 0);
}

TEST_CASE("mapped: what was ready a second ago is made ready again, and an idle store sleeps") {
  World world(1);
  Db db = world.open(settings());
  REQUIRE(db.put("k", "v"));
  const auto rule = world.storage.faults().add({.on = Op::populate, .skip = 1});
  sleep(world.sim, 900ms);
  REQUIRE(db.put("k", "w"));
  sleep(world.sim, 200ms);
  REQUIRE(db.put("k", "x"));
  CHECK(db.stats()->log.mapped);
  sleep(world.sim, 1100ms);
  REQUIRE(db.put("k", "y"));
  CHECK(world.storage.faults().hits(rule) == 1);
  CHECK(!db.stats()->log.mapped);
}

TEST_CASE("mapped: what was ready a second ago is made ready again also while a drain hangs") {
  support::SimStorageOptions machine;
  machine.sync_time = 5s;
  support::Simulation sim(1, machine);
  db::Settings slow = settings();
  slow.sync_interval = 60s;
  auto db = db::Access::open(slow, sim.environment());
  REQUIRE(db);
  std::uint64_t hits_before = 0;
  std::uint64_t hits_after = 0;
  sim.spawn("writer", [&] {
    if (!db->put("k", "v", {.wait = false, .durable = true})) return;
    const auto rule = sim.storage().faults().add({.on = Op::populate});
    sleep(sim, 500ms);
    if (!db->put("k", "w")) return;
    hits_before = sim.storage().faults().hits(rule);
    sleep(sim, 1100ms);
    if (db->durable_seq() != 0 || !db->put("k", "x")) return;
    hits_after = sim.storage().faults().hits(rule);
  });
  sim.run();
  CHECK(hits_before == 0);
  CHECK(hits_after == 1);
}

TEST_CASE("mapped: why it is not is told, and costs no open") {
  struct {
    support::Fault fault;
    int error;
  } const kFaults[] = {
      {{.on = Op::map, .error = ENOMEM}, ENOMEM},
      {{.on = Op::write, .path = "db/tail", .error = ENOSPC, .skip = 7}, ENOSPC},
      {{.on = Op::info, .path = "db/tail", .skip = 1}, EIO},
  };
  for (const auto& [fault, error] : kFaults) {
    World world(1);
    world.storage.faults().add(fault);
    Db db = world.open(settings());
    REQUIRE(!db.stats()->log.mapped);
    CHECK(db.stats()->log.why_not_mapped->os_error() == error);
    REQUIRE(db.put("k", "v"));
    CHECK(db.stats()->log.tail_writes == 1);
  }
}

TEST_CASE("mapped: when the file is not backed any more, all of it is drained, and writes go on") {
  for (const int error : {EIO, ENOSPC}) {
    for (const std::uint64_t skip : {0U, 1U, 5U}) {
      World world(1);
      {
        Db db = world.open(settings());
        const auto rule = world.storage.faults().add(
            {.on = Op::populate, .error = error, .skip = skip, .times = support::kAlways});
        for (int i = 0; i < 3000; ++i) REQUIRE(db.put(std::to_string(i), std::string(1000, 'v')));
        CHECK(world.storage.faults().hits(rule) == 1);
        const LogStats stats = db.stats()->log;
        CHECK(!stats.mapped);
        REQUIRE(stats.why_not_mapped);
        CHECK(stats.why_not_mapped->os_error() == error);
        CHECK(stats.tail_writes > 1000);
        world.storage.kill();
      }
      world.storage.faults().clear();
      Db again = world.open(settings());
      CHECK(count(again) == 3000);
      CHECK(db::Access::engine(again).recovered().tail_records > 0);
      CHECK(again.stats()->log.mapped);
    }
  }
}

TEST_CASE("schedule: writers beside a mapping that fails: all are kept, none fails, in order") {
  for_each_seed(150, [](std::uint64_t seed) {
    support::SimStorageOptions machine;
    machine.sync_time = 3ms;
    support::Simulation sim(seed, machine);
    std::uint64_t written = 0;
    {
      auto db = db::Access::open(settings(64 << 10), sim.environment());
      REQUIRE(db);
      const auto rule = sim.storage().faults().add({.on = Op::populate, .skip = seed % 7});
      for (int w = 0; w < 4; ++w) {
        sim.spawn("writer", [&, w] {
          support::Rng rng = sim.rng().fork(static_cast<std::uint64_t>(w));
          for (int i = 0; i < 12; ++i) {
            const std::size_t bytes = rng.below(8) == 0 ? 40'000 : rng.between(1, 16'000);
            const std::string key = std::to_string(w) + "/" + std::to_string(i);
            WriteOptions options{.wait = rng.coin(), .durable = rng.below(4) == 0};
            if (rng.below(4) == 0) options.deadline = std::chrono::milliseconds(rng.below(5));
            const auto commit = db->put(key, std::string(bytes, 'v'), options);
            if (commit && rng.coin()) CHECK(db->get(key)->has_value());
            if (!commit) CHECK(commit.error().code() == ErrorCode::timed_out);
            if (commit || commit.error().sequence() != 0) support::quietly([&] { ++written; });
            if (rng.below(6) == 0) sleep(sim, std::chrono::milliseconds(rng.below(1500)));
          }
        });
      }
      sim.run();
      CHECK(db->stats()->log.mapped == (sim.storage().faults().hits(rule) == 0));
      sim.storage().kill();
    }
    auto again = db::Access::open(settings(64 << 10), sim.environment());
    REQUIRE_MESSAGE(again, again.error().to_string());
    CHECK(count(*again) == written);
  });
}
