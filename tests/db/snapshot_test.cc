// Snapshots: one moment for their whole life, beside writers, failures, expiries and the end of
// their store.
#include <siltstone/snapshot.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/world.h"
#include "support/property.h"

using namespace siltstone;
using namespace std::chrono_literals;
using db::World;
using support::for_each_seed;

namespace {

using State = std::map<std::string, std::string>;

Snapshot take(Db& db) {
  auto snapshot = db.snapshot();
  if (!snapshot) FAIL(snapshot.error().to_string());
  return *snapshot;
}

State walk(Iterator it) {
  State seen;
  for (; it.valid(); it.next()) seen.emplace(it.key(), it.value());
  REQUIRE(it.status());
  return seen;
}

}  // namespace

TEST_CASE("snapshot: every earlier state can be read, whatever order they are released in") {
  for_each_seed(20, [](std::uint64_t seed) {
    World world(seed);
    support::Rng& rng = world.sim.rng();
    Db db = world.open();
    std::vector<std::pair<Snapshot, State>> held;
    State state;
    for (int i = 0; i < 200; ++i) {
      const std::string key = std::to_string(rng.below(20));
      if (rng.below(3) == 0) {
        REQUIRE(db.erase(key));
        state.erase(key);
      } else {
        REQUIRE(db.put(key, std::to_string(i)));
        state[key] = std::to_string(i);
      }
      if (rng.below(4) == 0) {
        held.emplace_back(take(db), state);
        CHECK(held.back().first.seq() == static_cast<std::uint64_t>(i) + 1);
      }
      if (rng.below(6) == 0 && !held.empty()) {
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(rng.below(held.size())));
      }
    }
    REQUIRE(!held.empty());
    for (const auto& [snapshot, then] : held) {
      CHECK(walk(snapshot.iterate()) == then);
      for (int k = 0; k < 20; ++k) {
        const auto found = snapshot.get(std::to_string(k));
        REQUIRE(found);
        const auto expected = then.find(std::to_string(k));
        CHECK(found->has_value() == (expected != then.end()));
        if (*found) CHECK(**found == expected->second);
      }
    }
  });
}

TEST_CASE("snapshot: copies share the moment; what was moved from is closed") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("k", "old"));
  std::optional<Snapshot> first = take(db);
  Snapshot copy = *first;
  REQUIRE(db.put("k", "new"));
  const Snapshot moved = std::move(*first);
  CHECK(first->seq() == 0);
  CHECK(first->get("k").error().code() == ErrorCode::closed);
  CHECK(first->iterate().status().error().code() == ErrorCode::closed);
  first.reset();
  CHECK(**moved.get("k") == "old");
  CHECK(copy.seq() == 1);
  CHECK(**copy.get("k") == "old");
  copy = take(db);
  CHECK(**copy.get("k") == "new");
  CHECK(**moved.get("k") == "old");
}

TEST_CASE("snapshot: J10, of an empty store it is empty for ever") {
  World world(1);
  Db db = world.open();
  const Snapshot empty = take(db);
  CHECK(empty.seq() == 0);
  REQUIRE(db.put("", "v"));
  CHECK(empty.get("").value() == std::nullopt);
  CHECK(walk(empty.iterate()).empty());
}

TEST_CASE("snapshot: an iterator over it has its bounds, may seek, and outlives it") {
  World world(1);
  Db db = world.open();
  for (const auto* key : {"a", "b/1", "b/2", "c"}) REQUIRE(db.put(key, "old"));
  auto it = [&] { return take(db).iterate({.prefix = "b/"}); }();
  REQUIRE(db.put("b/0", "new"));
  REQUIRE(db.put("b/2", "new"));
  REQUIRE(db.erase("b/1"));
  it.seek("b/2");
  REQUIRE(it.valid());
  CHECK(it.value() == "old");
  it.seek("");
  CHECK(walk(std::move(it)) == State{{"b/1", "old"}, {"b/2", "old"}});
}

TEST_CASE("snapshot: what had expired is not there, and what had not is, for ever") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("short", "v", {.ttl = 1s}));
  REQUIRE(db.put("long", "v", {.ttl = 1h}));
  const Snapshot early = take(db);
  world.sim.clock().step_wall(60'000);
  const Snapshot late = take(db);
  world.sim.clock().step_wall(36'000'000);
  CHECK(walk(db.iterate()).empty());
  CHECK(walk(early.iterate()) == State{{"long", "v"}, {"short", "v"}});
  CHECK(**early.get("short") == "v");
  CHECK(walk(late.iterate()) == State{{"long", "v"}});
  CHECK(late.get("short").value() == std::nullopt);
  world.sim.clock().step_wall(-36'060'000);
  CHECK(late.get("short").value() == std::nullopt);
}

TEST_CASE("snapshot: after its store was closed it answers so, and may be released later") {
  World world(1);
  std::optional<Snapshot> kept;
  {
    Db db = world.open();
    REQUIRE(db.put("k", "v"));
    kept = take(db);
    auto it = kept->iterate();
    REQUIRE(db.close());
    CHECK(!it.valid());
    CHECK(it.status().error().code() == ErrorCode::closed);
    CHECK(db.snapshot().error().code() == ErrorCode::closed);
    CHECK(kept->get("k").error().code() == ErrorCode::closed);
    CHECK(kept->seq() == 1);
  }
  CHECK(kept->get("k").error().code() == ErrorCode::closed);
  CHECK(kept->iterate().status().error().code() == ErrorCode::closed);
  Db db = world.open();
  REQUIRE(db.put("l", "w"));
  const Snapshot fresh = take(db);
  CHECK(fresh.seq() == 2);
  kept.reset();
  CHECK(walk(fresh.iterate()) == State{{"k", "v"}, {"l", "w"}});
}

TEST_CASE("snapshot: after a failed drain it shows what it showed, and nothing of what failed") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("k", "old"));
  const Snapshot before = take(db);
  world.storage.faults().add({.on = support::Op::write});
  CHECK(!db.put("k", "new"));
  const Snapshot after = take(db);
  CHECK(after.seq() == before.seq());
  for (const Snapshot& snapshot : {before, after}) CHECK(**snapshot.get("k") == "old");
}

TEST_CASE(
    "snapshot: beside writers it holds whole batches, and the same ones each time it is read") {
  for_each_seed(150, [](std::uint64_t seed) {
    World world(seed);
    Db db = world.open({.dir = "db", .durability = static_cast<Durability>(seed % 3)});
    for (int w = 0; w < 3; ++w) {
      world.sim.spawn("writer", [&db, w] {
        for (int i = 0; i < 5; ++i) {
          const std::string value = std::to_string(w) + "/" + std::to_string(i);
          Batch batch;
          REQUIRE(batch.put("a", value));
          REQUIRE(batch.put("b", value));
          REQUIRE(db.put_batch(batch));
          // Its own write, or a later one.
          CHECK(take(db).get("a").value() != std::nullopt);
        }
      });
    }
    for (int r = 0; r < 2; ++r) {
      world.sim.spawn("reader", [&db] {
        for (int i = 0; i < 6; ++i) {
          const Snapshot snapshot = take(db);
          const auto first = *snapshot.get("a");
          CHECK(*snapshot.get("b") == first);
          const State seen = walk(snapshot.iterate());
          CHECK(seen.size() == (first ? 2 : 0));
          for (const auto& [key, value] : seen) CHECK(value == first->view());
          CHECK(snapshot.seq() % 2 == 0);
        }
      });
    }
    world.sim.run();
  });
}
