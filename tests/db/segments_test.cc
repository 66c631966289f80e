// A log of several segments: how a running store goes on in the next one, what crashes and errors
// leave of that, and what happens when there is no next one.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "db/world.h"
#include "support/property.h"
#include "support/sim_storage.h"
#include "wal/slots.h"

using namespace siltstone;
using namespace std::chrono_literals;
using db::World;
using support::Crash;
using support::Disk;
using support::Op;

namespace {

constexpr Durability kModes[] = {Durability::every_commit, Durability::interval,
                                 Durability::write_back};

/// Segments of two blocks of frames at first.
db::Settings settings(Durability durability = Durability::every_commit) {
  db::Settings settings;
  settings.dir = "db";
  settings.durability = durability;
  settings.segments = {.first_bytes = 16 << 10, .most_bytes = 64 << 10};
  // The file of mode interval is written whole at first: a small one has fewer moments to crash in.
  settings.log_buffer_bytes = 64 << 10;
  return settings;
}

/// Lets silt-log do all that it wants to do now.
void pump(World& world) {
  while (world.sim.executor().pump()) {
  }
}

/// Puts the numbered keys from `from` to `to`, each durable and with silt-log's work behind it,
/// until something fails. The number of the first that failed.
std::uint64_t put_numbers(World& world, Db& db, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t i = from; i < to; ++i) {
    if (!db.put(std::to_string(i), std::string(700, 'v'), {.durable = true})) return i;
    pump(world);
  }
  return to;
}

/// How many keys there are; they must be the first ones.
std::uint64_t count_numbers(Db& db) {
  std::uint64_t count = 0;
  for (auto it = db.iterate(); it.valid(); it.next()) ++count;
  for (std::uint64_t i = 0; i < count; ++i) CHECK(db.get(std::to_string(i))->has_value());
  return count;
}

std::size_t slots(World& world) {
  std::size_t count = 0;
  for (const auto& [path, size] : world.storage.tree()) {
    count += path.starts_with("db/wal/") && path.find('.') == std::string::npos ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("segments: a store goes on in the next one, in every mode, and finds all of it again") {
  for (const Durability mode : kModes) {
    World world(1);
    Db db = world.open(settings(mode));
    REQUIRE(put_numbers(world, db, 0, 60) == 60);
    CHECK(db.stats()->log.rolls >= 5);
    world.storage.crash({});
    static_cast<void>(db.close());
    for (const Durability next_mode : kModes) {
      Db again = world.open(settings(next_mode));
      CHECK(count_numbers(again) == 60);
      CHECK(db::Access::engine(again).recovered().chain.size() >= 6);
      world.storage.kill();
    }
  }
}

TEST_CASE("segments: the first three are alike, each further one is twice as large") {
  const wal::SegmentSizes sizes;
  constexpr std::uint64_t kMiB = 1 << 20;
  const std::vector<std::uint64_t> expected = {1, 1, 1, 2, 4, 8, 16, 32, 64, 64};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(sizes.of(i) == expected[i] * kMiB);
  CHECK(sizes.of(1'000'000) == 64 * kMiB);
}

TEST_CASE("segments: a drain that rolls waits for one header, and for nothing that has a name") {
  World world(1);
  Db db = world.open(settings());
  std::uint64_t next = put_numbers(world, db, 0, 2);
  REQUIRE(db.stats()->log.rolls == 0);
  const auto names = world.storage.faults().add(
      {.on = Op::open | Op::rename | Op::sync_directory | Op::list, .times = support::kAlways});
  REQUIRE(db.put(std::to_string(next), "v"));
  CHECK(db.stats()->log.rolls == 1);
  CHECK(world.storage.faults().hits(names) == 0);
  world.storage.faults().clear();
  static_cast<void>(db.close());
}

TEST_CASE(
    "segments: A2, A4, A5, A12, B1, a power cut at every change of the disk leaves a prefix") {
  for (const bool direct : {true, false}) {
    for (const Durability mode : kModes) {
      for (std::uint64_t point = 1;; ++point) {
        World world(point);
        world.storage.options().direct_io = direct;
        world.storage.cut_power_at_mutation(point);
        std::uint64_t done = 0;
        if (auto db = world.try_open(settings(mode))) done = put_numbers(world, *db, 0, 12);
        const bool finished = world.storage.has_power();
        const Disk moment = world.storage.snapshot();
        for (std::uint64_t i = 0; i < 3; ++i) {
          const Crash crash = Crash::from_seed(point * 1000 + i);
          CAPTURE(point);
          CAPTURE(crash.to_string());
          World after(moment.crashed(crash), i);
          after.storage.options().direct_io = direct;
          Db db = after.open(settings(mode));
          const std::uint64_t found = count_numbers(db);
          CHECK((found == done || found == done + 1));
          CHECK(put_numbers(after, db, found, found + 4) == found + 4);
          after.storage.crash(Crash::from_seed(i));
          static_cast<void>(db.close());
          Db again = after.open(settings(mode));
          CHECK(count_numbers(again) == found + 4);
        }
        if (finished) break;
      }
    }
  }
}

TEST_CASE("segments: an error at any call of a roll loses nothing, and shows nothing that failed") {
  for (const int error : {EIO, ENOSPC}) {
    for (const auto residue :
         {support::Residue::none, support::Residue::some, support::Residue::all}) {
      for (std::uint64_t call = 0;; ++call) {
        CAPTURE(call);
        World world(call + 1);
        std::uint64_t done = 0;
        bool was_hit = false;
        {
          Db db = world.open(settings());
          const auto rule = world.storage.faults().add(
              {.on = Op::any, .error = error, .skip = call, .residue = residue});
          done = put_numbers(world, db, 0, 12);
          was_hit = world.storage.faults().hits(rule) != 0;
          world.storage.faults().clear();
          CHECK(count_numbers(db) == done);
          const auto refused = db.put("more", "v");
          CHECK(refused.has_value() == (done == 12));
          if (!refused) CHECK(refused.error().os_error() == error);
          // Whatever could not be made ahead, the log goes on without.
          if (done == 12) CHECK(db.erase("more"));
          world.storage.crash(Crash::from_seed(call));
          static_cast<void>(db.close());
        }
        Db again = world.open(settings());
        const std::uint64_t found = count_numbers(again);
        CHECK((found == done || found == done + 1));
        CHECK(put_numbers(world, again, found, found + 8) == found + 8);
        if (!was_hit) break;
      }
    }
  }
}

TEST_CASE(
    "segments: when the next one cannot be made, the one in use grows, and it is tried again") {
  World world(1);
  Db db = world.open(settings());
  world.storage.faults().add({.on = Op::rename, .path = "db/wal/*", .times = support::kAlways});
  REQUIRE(put_numbers(world, db, 0, 20) == 20);
  CHECK(db.stats()->log.rolls == 0);
  world.storage.faults().clear();
  REQUIRE(db.put("large", std::string(1 << 20, 'v')));
  pump(world);
  REQUIRE(db.put("next", "v"));
  CHECK(db.stats()->log.rolls == 1);
  REQUIRE(db.close());
  Db again = world.open(settings());
  CHECK(again.get("0")->has_value());
  CHECK(again.get("large")->has_value());
  CHECK(again.get("next")->has_value());
}

TEST_CASE("segments: when all slots are full writes fail and say so, and all else goes on") {
  for (const Durability mode : kModes) {
    World world(1);
    db::Settings with = settings(mode);
    with.segments.most_bytes = with.segments.first_bytes;
    Db db = world.open(with);
    const std::uint64_t done = put_numbers(world, db, 0, 1000);
    CHECK(done > 2 * (wal::kMaxSlots - 1));
    CHECK(done < 3 * wal::kMaxSlots);
    CHECK(slots(world) == wal::kMaxSlots);
    const auto refused = db.put("more", "v");
    REQUIRE(!refused);
    CHECK(refused.error().code() == ErrorCode::no_space);
    CHECK(refused.error().outcome() == WriteOutcome::not_applied);
    CHECK(std::string(refused.error().message()).find("the log") != std::string::npos);
    CHECK(db.flush());
    CHECK(count_numbers(db) == done);
    REQUIRE(db.close());
    // Opening takes one more, since nothing is appended to one that was there before.
    Db again = world.open(with);
    CHECK(count_numbers(again) == done);
    CHECK(put_numbers(world, again, done, done + 1) == done + 1);
    CHECK(slots(world) == wal::kMaxSlots + 1);
  }
}

TEST_CASE("segments: a slot that was made ahead and not used is used after the next open") {
  for (const bool killed : {false, true}) {
    World world(1);
    {
      Db db = world.open(settings());
      REQUIRE(put_numbers(world, db, 0, 2) == 2);
      CHECK(slots(world) == 2);
      if (killed) world.storage.kill();
      static_cast<void>(db.close());
    }
    Db db = world.open(settings());
    CHECK(slots(world) == 3);
    REQUIRE(put_numbers(world, db, 2, 4) == 4);
    CHECK(slots(world) == 3);
    CHECK(count_numbers(db) == 4);
  }
}

TEST_CASE("segments: D5, a slot whose name may not be durable is used under another one") {
  World world(1);
  {
    Db db = world.open(settings());
    const auto rule =
        world.storage.faults().add({.on = Op::sync_directory, .path = "db/wal", .error = EAGAIN});
    REQUIRE(put_numbers(world, db, 0, 2) == 2);
    CHECK(world.storage.faults().hits(rule) == 1);
    CHECK(slots(world) == 2);
    REQUIRE(db.close());
  }
  {
    Db db = world.open(settings());
    REQUIRE(put_numbers(world, db, 2, 6) == 6);
    CHECK(db.stats()->log.rolls == 1);
    world.storage.crash({.keep = support::Keep::synced, .names = support::Names::lost});
    static_cast<void>(db.close());
  }
  Db db = world.open(settings());
  CHECK(count_numbers(db) == 6);
}

TEST_CASE("segments: opening takes no room for ever when nothing is written") {
  for (const bool direct : {true, false}) {
    World world(1);
    world.storage.options().direct_io = direct;
    {
      Db db = world.open(settings());
      REQUIRE(put_numbers(world, db, 0, 5) == 5);
      REQUIRE(db.close());
    }
    for (int i = 0; i < 5; ++i) {
      Db db = world.open(settings(kModes[i % 3]));
      if (i % 2 == 0) world.storage.kill();
      static_cast<void>(db.close());
    }
    const std::size_t before = slots(world);
    for (int i = 0; i < 100; ++i) {
      Db db = world.open(settings(kModes[i % 3]));
      world.sim.executor().pump_until(world.sim.clock().now() + 3s);
      if (i % 3 == 0) world.storage.kill();
      static_cast<void>(db.close());
    }
    CHECK(slots(world) == before);
    Db db = world.open(settings());
    CHECK(count_numbers(db) == 5);
  }
}

TEST_CASE("segments: damage before the border is corruption, and truncate ends the log there") {
  World world(1);
  {
    Db db = world.open(settings());
    REQUIRE(put_numbers(world, db, 0, 10) == 10);
    REQUIRE(db.close());
  }
  // The second frame of the second segment: what follows in the next ones vouches for it.
  world.storage.flip_bit("db/wal/1", (8192 + 4096 + 300) * 8);
  const auto strict = world.try_open(settings());
  REQUIRE(!strict);
  CHECK(strict.error().code() == ErrorCode::corruption);
  CHECK(strict.error().offset() == 8192 + 4096);
  db::Settings truncate = settings();
  truncate.recovery = RecoveryMode::truncate;
  {
    Db db = world.open(truncate);
    CHECK(count_numbers(db) == 3);
    CHECK(db::Access::engine(db).recovered().given_up.size() >= 2);
    REQUIRE(db.close());
  }
  CHECK(world.storage.exists("db/wal/2.damaged"));
  Db db = world.open(settings());
  CHECK(count_numbers(db) == 3);
}

TEST_CASE("segments: writers of all kinds meet at the border, and their order is kept") {
  support::for_each_seed(60, [](std::uint64_t seed) {
    support::SimStorageOptions machine;
    machine.sync_time = 3ms;
    support::Simulation sim(seed, machine);
    db::Settings with = settings(kModes[seed % 3]);
    with.log_buffer_bytes = 64 << 10;
    auto db = db::Access::open(with, sim.environment());
    REQUIRE(db);
    std::array<int, 3> written{};
    for (std::size_t w = 0; w < written.size(); ++w) {
      sim.spawn("writer", [&, w] {
        support::Rng rng = sim.rng().fork(w);
        for (; written[w] < 12; ++written[w]) {
          const std::string value(rng.below(6) == 0 ? 40'000 : rng.between(1, 6000), 'v');
          const std::string key = std::to_string(w) + "/" + std::to_string(written[w]);
          if (!db->put(key, value, {.wait = rng.coin()})) break;
        }
      });
    }
    sim.run();
    REQUIRE(db->flush());
    CHECK(db->stats()->log.rolls != 0);
    sim.storage().crash(Crash::from_seed(seed));
    static_cast<void>(db->close());
    auto again = db::Access::open(with, sim.environment());
    REQUIRE_MESSAGE(again, again.error().to_string());
    std::size_t found = 0;
    for (auto it = again->iterate(); it.valid(); it.next()) ++found;
    CHECK(found == 3 * 12);
  });
}

TEST_CASE("D7: what silt-log meets is told by the next write, by flush() and by close()") {
  for (const Durability mode : {Durability::interval, Durability::write_back}) {
    World world(1);
    db::Settings with = settings(mode);
    with.log_buffer_bytes = 64 << 10;
    Db db = world.open(with);
    const auto rule = world.storage.faults().add({.on = Op::write, .path = "db/wal/*"});
    // Nobody waits for the drain that fails: the timer, or the bytes, began it.
    REQUIRE(db.put("k", std::string(10'000, 'v')));
    for (int i = 0; mode == Durability::write_back && i < 3; ++i) {
      REQUIRE(db.put("k", std::string(10'000, 'v')));
    }
    world.sim.executor().pump_until(world.sim.clock().now() + 1s);
    CHECK(world.storage.faults().hits(rule) == 1);
    for (int i = 0; i < 2; ++i) {
      CHECK(db.put("new", "v").error().os_error() == EIO);
      CHECK(db.flush().error().os_error() == EIO);
    }
    CHECK(**db.get("k") == std::string(10'000, 'v'));
    CHECK(!*db.get("new"));
    CHECK(db.close().error().os_error() == EIO);
    CHECK(world.storage.faults().hits(rule) == 1);
  }
}

TEST_CASE("D10: a failed group is in the memtable, and nobody sees it") {
  for (const auto residue : {support::Residue::none, support::Residue::all}) {
    World world(1);
    Db db = world.open(settings());
    REQUIRE(db.put("kept", "old"));
    auto held = db.iterate();
    world.storage.faults().add({.on = Op::write, .path = "db/wal/*", .residue = residue});
    Batch batch;
    REQUIRE(batch.put("kept", "new"));
    REQUIRE(batch.put("more", "v"));
    const auto failed = db.put_batch(batch);
    REQUIRE(!failed);
    CHECK(failed.error().outcome() == WriteOutcome::undecided);
    CHECK(**db.get("kept") == "old");
    CHECK(!*db.get("more"));
    for (auto it = db.iterate(); it.valid(); it.next()) CHECK(it.value() == "old");
    CHECK(held.valid());
    CHECK(held.value() == "old");
    CHECK(db.durable_seq() == 1);
    CHECK(db.wait_durable(3).error().outcome() == WriteOutcome::undecided);
    static_cast<void>(db.close());
    // Whatever the next open decides, it is about the whole group.
    Db again = world.open(settings());
    CHECK((**again.get("kept") == "new") == again.get("more")->has_value());
  }
}
