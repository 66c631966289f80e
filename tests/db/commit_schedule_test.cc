// Group commit under every interleaving that the seeds find: nobody hangs, nobody sees half of a
// batch or what may still be lost, and what failed stays failed.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "base/yield.h"
#include "db/world.h"
#include "support/property.h"

using namespace siltstone;
using db::World;
using support::for_each_seed;

namespace {

constexpr std::uint64_t kSeeds = 150;
constexpr int kWriters = 4;
constexpr int kWrites = 4;

/// Writes pairs until one fails; how many did not.
int write_pairs(Db& db, int writer) {
  for (int i = 0; i < kWrites; ++i) {
    const std::string value = std::to_string(writer) + "/" + std::to_string(i);
    Batch batch;
    REQUIRE(batch.put("a", value));
    REQUIRE(batch.put("b", value));
    REQUIRE(batch.put("writer" + std::to_string(writer), std::to_string(i)));
    if (!db.put_batch(batch)) return i;
    CHECK(**db.get("writer" + std::to_string(writer)) == std::to_string(i));
  }
  return kWrites;
}

/// The pair as one moment shows it; its halves are always equal.
std::optional<std::string> read_pair(Db& db) {
  auto it = db.iterate({.to = "c"});
  if (!it.valid()) return std::nullopt;
  const std::string a(it.value());
  it.next();
  REQUIRE(it.valid());
  CHECK(it.key() == "b");
  CHECK(it.value() == a);
  return a;
}

/// Runs the writers, and a reader beside them; how many writes of each did not fail.
std::vector<int> run_all(World& world, Db& db) {
  std::vector<int> done(kWriters);
  for (int w = 0; w < kWriters; ++w) {
    world.sim.spawn("writer",
                    [&db, &done, w] { done[static_cast<std::size_t>(w)] = write_pairs(db, w); });
  }
  world.sim.spawn("reader", [&db] {
    for (int i = 0; i < 8; ++i) static_cast<void>(read_pair(db));
  });
  world.sim.run();
  return done;
}

}  // namespace

TEST_CASE("commit schedule: all writers end, and their last writes are there") {
  for_each_seed(kSeeds, [](std::uint64_t seed) {
    World world(seed);
    Db db = world.open();
    CHECK(run_all(world, db) == std::vector<int>(kWriters, kWrites));
    const auto last = db.put("end", "");
    REQUIRE(last);
    CHECK(last->seq == 3 * kWriters * kWrites + 1);
  });
}

TEST_CASE("commit schedule: what is called durable can be read, by whoever hears of it") {
  for_each_seed(kSeeds, [](std::uint64_t seed) {
    World world(seed);
    Db db = world.open({.dir = "db", .durability = static_cast<Durability>(seed % 3)});
    // Alone it writes its own sequences, so that the value tells what the reader may see.
    world.sim.spawn("writer", [&db] {
      for (std::uint64_t seq = 1; seq <= 8; ++seq) {
        REQUIRE(db.put("k", std::to_string(seq), {.wait = seq % 3 == 0}));
        if (seq % 2 == 0) REQUIRE(db.flush());
      }
    });
    world.sim.spawn("reader", [&db] {
      for (int i = 0; i < 60; ++i) {
        base::yield_point("test: reader");
        const std::uint64_t durable = db.durable_seq();
        CHECK(db.wait_durable(durable));
        const auto value = *db.get("k");
        CHECK((value ? std::stoull(value->to_string()) : 0) >= durable);
      }
    });
    world.sim.run();
  });
}

TEST_CASE("commit schedule: a failing disk ends every writer, and what was acknowledged is there") {
  for_each_seed(kSeeds, [](std::uint64_t seed) {
    World world(seed);
    std::vector<int> done;
    {
      Db db = world.open();
      world.storage.faults().add({.on = support::Op::write | support::Op::sync,
                                  .skip = world.sim.rng().below(14),
                                  .residue = static_cast<support::Residue>(seed % 3)});
      done = run_all(world, db);
      for (int w = 0; w < kWriters; ++w) {
        const int count = done[static_cast<std::size_t>(w)];
        const auto found = *db.get("writer" + std::to_string(w));
        CHECK(found.has_value() == (count != 0));
        if (found) CHECK(*found == std::to_string(count - 1));
      }
    }
    world.storage.faults().clear();
    world.storage.crash(support::Crash::from_seed(seed));
    Db db = world.open();
    static_cast<void>(read_pair(db));
    for (int w = 0; w < kWriters; ++w) {
      const int count = done[static_cast<std::size_t>(w)];
      const auto found = *db.get("writer" + std::to_string(w));
      // The one that failed may have made it to the disk.
      const int there = found ? std::stoi(found->to_string()) + 1 : 0;
      CHECK((there == count || there == count + 1));
    }
  });
}
