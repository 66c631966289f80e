// Power cuts at every change of the disk, and what is found after each.
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "db/world.h"
#include "support/sim_storage.h"

using namespace siltstone;
using db::World;
using support::Crash;
using support::Disk;

namespace {

using State = std::map<std::string, std::string>;

constexpr std::uint64_t kCrashesPerPoint = 12;

State read_all(Db& db) {
  State found;
  auto it = db.iterate();
  for (; it.valid(); it.next()) found.emplace(it.key(), it.value());
  REQUIRE(it.status());
  return found;
}

/// Cuts the power of a machine that starts as `start` at the first change of the disk, at the
/// second, and so on to the end of `work`; of each moment makes several crashes, and calls `check`
/// with what `work` got done and the machine as it boots then.
template <typename Work, typename Check>
void at_every_point(const Disk& start, const Work& work, const Check& check) {
  for (std::uint64_t point = 1;; ++point) {
    World world(start, point);
    world.storage.cut_power_at_mutation(point);
    const auto done = work(world);
    const bool finished = world.storage.has_power();
    const Disk moment = world.storage.snapshot();
    for (std::uint64_t i = 0; i < kCrashesPerPoint; ++i) {
      const Crash crash = Crash::from_seed(point * 1000 + i);
      CAPTURE(point);
      CAPTURE(crash.to_string());
      World after(moment.crashed(crash), i);
      check(done, after);
    }
    if (finished) return;
  }
}

/// Puts `count` numbered keys, each open with its own share, until something fails; how many did
/// not.
std::uint64_t put_numbers(World& world, std::uint64_t count) {
  std::uint64_t done = 0;
  for (std::uint64_t opens = 0; opens < 2; ++opens) {
    auto db = world.try_open();
    if (!db) return done;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!db->put(std::to_string(done), std::string(700, 'v'))) return done;
      ++done;
    }
    if (!db->close()) return done;
  }
  return done;
}

}  // namespace

TEST_CASE("crash at every point: creation, two opens, writes and closes") {
  at_every_point(
      Disk(), [](World& world) { return put_numbers(world, 3); },
      [](std::uint64_t done, World& after) {
        Db db = after.open();
        const State found = read_all(db);
        CHECK((found.size() == done || found.size() == done + 1));
        std::uint64_t i = 0;
        for (const auto& [key, value] : found) CHECK(key == std::to_string(i++));
      });
}

TEST_CASE("crash at every point of a recovery: the next one finds the same") {
  World world(1);
  CHECK(put_numbers(world, 3) == 6);
  {
    Db db = world.open();
    REQUIRE(db.put("last", "v"));
    world.storage.cut_power();
  }
  const Disk torn = world.storage.snapshot().crashed(Crash::from_seed(1));
  State expected;
  {
    World straight(torn, 1);
    Db db = straight.open();
    expected = read_all(db);
    CHECK(expected.size() == 7);
  }
  at_every_point(
      torn, [](World& w) { return w.try_open().has_value(); },
      [&](bool, World& after) {
        Db db = after.open();
        CHECK(read_all(db) == expected);
      });
}

TEST_CASE("batch_atomic_under_kill") {
  World world(1);
  {
    Db db = world.open();
    for (const auto* key : {"a", "b", "c"}) REQUIRE(db.put(key, "old"));
    REQUIRE(db.close());
  }
  const State before{{"a", "old"}, {"b", "old"}, {"c", "old"}};
  const State after_batch{{"a", std::string(3000, 'x')}, {"b", "new"}};
  at_every_point(
      world.storage.snapshot(),
      [](World& w) {
        auto db = w.try_open();
        if (!db) return false;
        Batch batch;
        REQUIRE(batch.put("a", std::string(3000, 'x')));
        REQUIRE(batch.put("b", "new"));
        REQUIRE(batch.erase("c"));
        return db->put_batch(batch).has_value();
      },
      [&](bool acknowledged, World& after) {
        Db db = after.open();
        const State found = read_all(db);
        CHECK((found == after_batch || (!acknowledged && found == before)));
      });
}

TEST_CASE("torn_tail_opens") {
  World world(1);
  {
    Db db = world.open();
    REQUIRE(db.put("kept", "v"));
    world.storage.cut_power_at_mutation(world.storage.mutations() + 1);
    CHECK(!db.put("torn", std::string(20'000, 'x')));
  }
  bool was_torn = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    World after(world.storage.snapshot().crashed({.seed = seed, .keep = support::Keep::torn}), 1);
    Db db = after.open();
    CHECK(**db.get("kept") == "v");
    const auto torn = *db.get("torn");
    CHECK((!torn || torn->view() == std::string(20'000, 'x')));
    was_torn |= db::Access::engine(db).recovered().dropped_bytes != 0;
    REQUIRE(db.put("torn", "again"));
    CHECK(**db.get("torn") == "again");
  }
  CHECK(was_torn);
}

TEST_CASE("close_flushes: what was closed is there whatever a power cut takes") {
  World world(1);
  {
    Db db = world.open();
    REQUIRE(db.put("k", "v"));
    REQUIRE(db.close());
  }
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    World after(world.storage.snapshot().crashed(Crash::from_seed(seed)), 1);
    Db db = after.open();
    CHECK(**db.get("k") == "v");
    CHECK(db::Access::engine(db).recovered().clean_end);
  }
}

TEST_CASE("open: an I/O error at any call ends it with that error, and changes nothing") {
  World world(1);
  CHECK(put_numbers(world, 3) == 6);
  const Disk start = world.storage.snapshot();
  for (std::uint64_t call = 0;; ++call) {
    World broken(start, 1);
    const auto fault = broken.storage.faults().add({.on = support::Op::any, .skip = call});
    CAPTURE(call);
    bool was_hit = false;
    {
      const auto db = broken.try_open();
      was_hit = broken.storage.faults().hits(fault) != 0;
      if (!db) CHECK(db.error().code() == ErrorCode::io);
      if (!db) CHECK(db.error().os_error() == EIO);
      broken.storage.faults().clear();
      broken.storage.kill();
    }
    if (!was_hit) break;
    Db again = broken.open();
    CHECK(read_all(again).size() == 6);
  }
}

TEST_CASE("killed at any call of an open: what the next one acknowledges outlasts a power cut") {
  World world(1);
  CHECK(put_numbers(world, 1) == 2);
  for (const Disk& start : {Disk(), world.storage.snapshot()}) {
    for (std::uint64_t call = 0;; ++call) {
      World killed(start, 1);
      // As if the process had ended there: nothing it asks for from then on is done.
      const auto end = killed.storage.faults().add({.on = support::Op::any,
                                                    .skip = call,
                                                    .times = support::kAlways,
                                                    .residue = support::Residue::all});
      static_cast<void>(killed.try_open());
      const bool was_hit = killed.storage.faults().hits(end) != 0;
      killed.storage.faults().clear();
      killed.storage.kill();
      Db db = killed.open();
      REQUIRE(db.put("k", "v"));
      const Disk moment = killed.storage.snapshot();
      for (std::uint64_t seed = 0; seed < kCrashesPerPoint; ++seed) {
        const Crash crash = Crash::from_seed(call * 1000 + seed);
        CAPTURE(call);
        CAPTURE(crash.to_string());
        World after(moment.crashed(crash), 1);
        auto again = after.try_open({.dir = "db", .create_if_missing = false});
        REQUIRE(again);
        CHECK(again->get("k")->has_value());
      }
      if (!was_hit) break;
    }
  }
}
