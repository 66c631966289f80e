// The modes of durability, tickets and deadlines: what returns when, what shows when, and what a
// kill or a power cut leaves.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

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
using support::Crash;
using support::for_each_seed;
using support::Op;

namespace {

constexpr Durability kModes[] = {Durability::every_commit, Durability::interval,
                                 Durability::write_back};

db::Settings settings(Durability durability) {
  db::Settings settings;
  settings.dir = "db";
  settings.durability = durability;
  return settings;
}

/// A ring that a few writes fill.
db::Settings small(Durability durability) {
  db::Settings made = settings(durability);
  made.log_buffer_bytes = 64 << 10;
  return made;
}

/// A machine whose device takes a long time for each write, and callers that are threads.
struct SlowWorld {
  explicit SlowWorld(std::uint64_t seed) : sim(seed, machine()) {}
  static support::SimStorageOptions machine() {
    support::SimStorageOptions options;
    options.sync_time = 1s;
    return options;
  }
  Db open(const db::Settings& with) {
    auto db = db::Access::open(with, sim.environment());
    REQUIRE(db);
    return std::move(*db);
  }
  support::Simulation sim;
};

}  // namespace

TEST_CASE("ticket: it returns without the device, shows when durable, and needs no further call") {
  World world(1);
  Db db = world.open();
  const auto before = world.storage.mutations();
  const auto first = db.put("a", "1", {.wait = false});
  const auto second = db.put("b", "2", {.wait = false});
  REQUIRE(first);
  REQUIRE(second);
  CHECK(second->seq == first->seq + 1);
  CHECK(world.storage.mutations() == before);
  CHECK(db.durable_seq() == 0);
  CHECK(!*db.get("a"));
  while (world.sim.executor().pump()) {
  }
  CHECK(db.durable_seq() == second->seq);
  CHECK(**db.get("b") == "2");
  CHECK(db.stats()->log.drains == 1);  // one group
}

TEST_CASE("ticket: wait_durable starts the work, and knows which sequences there were") {
  World world(1);
  Db db = world.open();
  const auto ticket = db.put("a", "1", {.wait = false});
  REQUIRE(db.wait_durable(ticket->seq));
  CHECK(db.durable_seq() == ticket->seq);
  CHECK(**db.get("a") == "1");
  CHECK(db.wait_durable(0));
  CHECK(db.wait_durable(ticket->seq + 1).error().code() == ErrorCode::invalid_argument);
  REQUIRE(db.close());
  CHECK(db.durable_seq() == 0);
  CHECK(db.wait_durable(1).error().code() == ErrorCode::closed);
}

TEST_CASE("ticket: one whose drain fails never shows, and wait_durable tells why") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("kept", "v"));
  const auto ticket = db.put("burnt", "v", {.wait = false});
  world.storage.faults().add({.on = Op::write});
  const auto failed = db.wait_durable(ticket->seq);
  REQUIRE(!failed);
  CHECK(failed.error().os_error() == EIO);
  CHECK(failed.error().outcome() == WriteOutcome::undecided);
  CHECK(db.wait_durable(1));
  CHECK(db.wait_durable(ticket->seq).error().os_error() == EIO);
  CHECK(!*db.get("burnt"));
  const auto refused = db.put("later", "v", {.wait = false});
  REQUIRE(!refused);
  CHECK(refused.error().outcome() == WriteOutcome::not_applied);
}

TEST_CASE("ticket: wait_durable starts the work also for who has no time to wait for it") {
  for (const Durability mode : kModes) {
    World world(1);
    Db db = world.open(settings(mode));
    const auto ticket = db.put("a", "1", {.wait = false});
    REQUIRE(ticket);
    CHECK(db.wait_durable(ticket->seq, 0ns).error().code() == ErrorCode::timed_out);
    while (world.sim.executor().pump()) {
    }
    CHECK(db.durable_seq() == ticket->seq);
  }
}

TEST_CASE("deadline: after its place was given a write is pending, and commits") {
  for_each_seed(20, [](std::uint64_t seed) {
    SlowWorld world(seed);
    Db db = world.open(settings(Durability::every_commit));
    world.sim.spawn("writer", [&] {
      const auto began = world.sim.clock().now();
      const auto late = db.put("k", "v", {.deadline = 20ms});
      CHECK(world.sim.clock().now() - began < 500ms);
      REQUIRE(!late);
      CHECK(late.error().code() == ErrorCode::timed_out);
      CHECK(late.error().outcome() == WriteOutcome::pending);
      CHECK(late.error().sequence() == 1);
      CHECK(!*db.get("k"));
      CHECK(db.wait_durable(1, 20ms).error().code() == ErrorCode::timed_out);
      CHECK(db.wait_durable(1));
      CHECK(**db.get("k") == "v");
    });
    world.sim.run();
  });
}

TEST_CASE("deadline: who has one never drains, not even as the only one behind a drain") {
  for_each_seed(20, [](std::uint64_t seed) {
    SlowWorld world(seed);
    Db db = world.open(settings(Durability::every_commit));
    world.sim.spawn("patient", [&] { CHECK(db.put("a", "1")); });
    world.sim.spawn("hurried", [&] {
      sleep(world.sim, 5ms);
      const auto began = world.sim.clock().now();
      const auto late = db.put("b", "2", {.deadline = 1100ms});
      CHECK(world.sim.clock().now() - began < 1200ms);
      if (!late) CHECK(db.wait_durable(late.error().sequence()));
    });
    world.sim.run();
  });
}

TEST_CASE("deadline: batches that time out leave no trace in the memtable") {
  World world(1);
  db::Settings bounded = settings(Durability::write_back);
  bounded.memtable_bytes = 1 << 20;
  bounded.write_buffer_ops = 2;
  Db db = world.open(bounded);
  REQUIRE(db.put("a", "1"));
  REQUIRE(db.put("b", "2"));
  Batch batch;
  REQUIRE(batch.put("a", std::string(1000, 'a')));
  REQUIRE(batch.put("c", std::string(1000, 'c')));
  for (int i = 0; i < 2000; ++i) {
    const auto late = db.put_batch(batch, {.deadline = 0ns});
    REQUIRE(!late);
    REQUIRE(late.error().code() == ErrorCode::timed_out);
  }
  CHECK(db.put_batch(batch));
}

TEST_CASE("deadline: without room in time a write is not applied, and says so") {
  for_each_seed(20, [](std::uint64_t seed) {
    SlowWorld world(seed);
    Db db = world.open(small(Durability::every_commit));
    const std::string value(15 << 10, 'v');
    world.sim.spawn("writer", [&] {
      for (int i = 0; i < 4; ++i) REQUIRE(db.put(std::to_string(i), value, {.wait = false}));
      const auto late = db.put("late", value, {.deadline = 20ms});
      REQUIRE(!late);
      CHECK(late.error().code() == ErrorCode::timed_out);
      CHECK(late.error().outcome() == WriteOutcome::not_applied);
      const auto patient = db.put("patient", value, {.wait = false});
      REQUIRE(patient);
      CHECK(patient->seq == 5);
      CHECK(patient->cause == StallCause::log_buffer);
      CHECK(patient->waited > 100ms);
      CHECK(db.wait_durable(patient->seq));
      CHECK(!*db.get("late"));
      CHECK(db.stats()->log.stalls == 2);
    });
    world.sim.run();
  });
}

TEST_CASE("write_back: a write shows at once and touches no device until flush()") {
  World world(1);
  Db db = world.open(settings(Durability::write_back));
  const auto before = world.storage.mutations();
  for (int i = 0; i < 1000; ++i) REQUIRE(db.put(std::to_string(i), "v"));
  CHECK(world.storage.mutations() == before);
  CHECK(count(db) == 1000);
  CHECK(db.durable_seq() == 0);
  REQUIRE(db.flush());
  CHECK(db.durable_seq() == 1000);
  REQUIRE(db.put("lost", "v"));
  world.storage.crash({});
  static_cast<void>(db.close());
  Db again = world.open(settings(Durability::write_back));
  CHECK(count(again) == 1000);
}

TEST_CASE("write_back: what is not durable is bounded in bytes and in operations") {
  World world(1);
  db::Settings with = small(Durability::write_back);
  with.write_buffer_ops = 100;
  Db db = world.open(with);
  std::uint64_t written = 0;
  const auto at_risk = [&] { return written - db.durable_seq(); };
  for (; written < 1000; ++written) {
    CHECK(at_risk() <= 100);
    REQUIRE(db.put("small" + std::to_string(written), "v"));
  }
  REQUIRE(db.flush());
  const std::string value(10 << 10, 'v');
  for (; written < 1100; ++written) {
    CHECK(at_risk() <= 6);
    REQUIRE(db.put("large" + std::to_string(written), value));
  }
  Batch batch;
  for (int i = 0; i < 300; ++i) REQUIRE(batch.put(std::to_string(i), "v"));
  REQUIRE(db.put_batch(batch));  // of more operations than the bound: it goes alone
  CHECK(count(db) == 1400);
}

TEST_CASE("close: it makes everything durable, in every mode") {
  for (const Durability mode : kModes) {
    World world(1);
    {
      Db db = world.open(settings(mode));
      for (int i = 0; i < 100; ++i) REQUIRE(db.put(std::to_string(i), "v", {.wait = false}));
      REQUIRE(db.close());
    }
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      World after(world.storage.snapshot().crashed(Crash::from_seed(seed)), seed);
      Db db = after.open();
      CHECK(count(db) == 100);
      CHECK(db::Access::engine(db).recovered().clean_end);
    }
  }
}

TEST_CASE("durable: it strengthens one write, and with it everything before") {
  for (const Durability mode : kModes) {
    World world(1);
    {
      Db db = world.open(settings(mode));
      REQUIRE(db.put("before", "v"));
      const auto commit = db.put("k", "v", {.durable = true});
      REQUIRE(commit);
      CHECK(db.durable_seq() == commit->seq);
      REQUIRE(db.put("after", "v"));
      world.storage.cut_power();
    }
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      World after(world.storage.snapshot().crashed(Crash::from_seed(seed)), seed);
      Db db = after.open();
      CHECK(db.get("before")->has_value());
      CHECK(db.get("k")->has_value());
    }
  }
}

TEST_CASE("interval: a kill loses nothing that returned, whatever mode opens the store then") {
  for (const Durability mode : kModes) {
    World world(1);
    for (std::uint64_t round = 1; round <= 6; ++round) {
      world.storage.options().can_map = round % 2 == 0;
      Db db = world.open(settings(Durability::interval));
      for (std::uint64_t i = 0; i < 100; ++i) {
        REQUIRE(db.put(std::to_string(round) + "/" + std::to_string(i), std::string(1000, 'v')));
      }
      CHECK(db.durable_seq() == (round - 1) * 100);
      CHECK(db.stats()->log.mapped == (round % 2 == 0));
      CHECK(db.stats()->log.tail_writes == (round % 2 == 0 ? 0 : 100));
      world.storage.kill();
      static_cast<void>(db.close());
      Db reopened = world.open(settings(mode));
      CHECK(count(reopened) == round * 100);
      CHECK(db::Access::engine(reopened).recovered().tail_records == 100);
      REQUIRE(reopened.close());
    }
  }
}

TEST_CASE("sync_interval_bounds_idle_tail") {
  World world(1);
  Db db = world.open(settings(Durability::interval));
  REQUIRE(db.put("k", "v"));
  CHECK(db.durable_seq() == 0);
  // Nobody calls any more.
  world.sim.executor().pump_until(world.sim.clock().now() + 101ms);
  CHECK(db.durable_seq() == 1);
  const auto drains = db.stats()->log.drains;
  world.sim.executor().pump_until(world.sim.clock().now() + 10s);
  CHECK(db.stats()->log.drains == drains);  // an idle store sleeps
}

TEST_CASE("interval: A3, a power cut loses at most the interval and one flush") {
  for_each_seed(60, [](std::uint64_t seed) {
    support::SimStorageOptions machine;
    machine.sync_time = std::chrono::milliseconds(seed % 40);
    support::Simulation sim(seed, machine);
    std::vector<io::Time> written;
    sim.storage().options().can_map = seed % 3 != 0;
    const auto cut_at = sim.clock().now() + std::chrono::milliseconds(sim.rng().between(50, 900));
    io::Time cut{};
    {
      auto db = db::Access::open(settings(Durability::interval), sim.environment());
      REQUIRE(db);
      sim.spawn("writer", [&] {
        while (sim.clock().now() < cut_at) {
          if (!db->put(std::to_string(written.size()), "v")) break;
          written.push_back(sim.clock().now());
          sleep(sim, std::chrono::milliseconds(sim.rng().below(7)));
        }
        cut = sim.clock().now();
        support::quietly([&] { sim.storage().cut_power(); });
      });
      sim.run();
    }
    sim.storage().crash(Crash::from_seed(seed));
    auto after = db::Access::open(settings(Durability::every_commit), sim.environment());
    REQUIRE(after);
    const std::uint64_t kept = count(*after);
    // The interval, one flush (up to twice its time), and the time of the calls themselves.
    const auto bound = 100ms + 2 * machine.sync_time + 15ms;
    for (std::uint64_t i = kept; i < written.size(); ++i) CHECK(cut - written[i] <= bound);
    for (std::uint64_t i = 0; i < kept; ++i) CHECK(after->get(std::to_string(i))->has_value());
  });
}

TEST_CASE("interval: while one flush takes longer than the interval, writers wait") {
  for_each_seed(20, [](std::uint64_t seed) {
    SlowWorld world(seed);
    Db db = world.open(settings(Durability::interval));
    world.sim.spawn("writer", [&] {
      std::uint64_t waited = 0;
      for (int i = 0; i < 100; ++i) {
        const auto commit = db.put(std::to_string(i), "v");
        REQUIRE(commit);
        if (commit->cause == StallCause::sync_interval) ++waited;
        sleep(world.sim, 20ms);
      }
      CHECK(waited > 0);
    });
    world.sim.run();
  });
}

TEST_CASE("interval: while the next segment takes longer to make than the interval, writers wait") {
  for_each_seed(30, [](std::uint64_t seed) {
    SlowWorld world(seed);
    db::Settings with = settings(Durability::interval);
    with.sync_interval = 50ms;
    with.segments = {.first_bytes = 64 << 10, .most_bytes = 256 << 10};
    Db db = world.open(with);
    world.sim.spawn("writer", [&] {
      std::uint64_t most = 0;  // writes that a power cut would have taken
      for (int i = 0; i < 300; ++i) {
        const auto commit = db.put(std::to_string(i), std::string(700, 'v'));
        REQUIRE(commit);
        most = std::max(most, commit->seq - db.durable_seq());
        sleep(world.sim, 5ms);
      }
      CHECK(db.stats()->log.rolls > 0);
      // Those of an interval before the device is busy, of one beside it, and of one beside the
      // drain that comes behind it.
      CHECK(most <= 3 * (50 / 5) + 5);
    });
    world.sim.run();
  });
}

TEST_CASE("interval: what its file does not take is drained at once, and no write fails for it") {
  for (const int error : {EIO, ENOSPC}) {
    World world(1);
    world.storage.options().can_map = false;
    Db db = world.open(settings(Durability::interval));
    REQUIRE(db.put("before", "v"));
    const auto rule = world.storage.faults().add(
        {.on = Op::write, .path = "db/tail", .error = error, .times = support::kAlways});
    const auto commit = db.put("k", "v");
    REQUIRE(commit);
    CHECK(world.storage.faults().hits(rule) > 0);
    CHECK(db.durable_seq() == commit->seq);
    world.storage.faults().clear();
    REQUIRE(db.put("after", "v"));
    world.storage.kill();
    static_cast<void>(db.close());
    Db again = world.open();
    CHECK(count(again) == 3);
  }
}

TEST_CASE("modes: after a failed drain what shows goes on to show, and nothing new is taken") {
  for (const Durability mode : {Durability::interval, Durability::write_back}) {
    World world(1);
    Db db = world.open(settings(mode));
    REQUIRE(db.put("k", "v"));
    world.storage.faults().add({.on = Op::write, .path = "db/wal/*"});
    const auto flushed = db.flush();
    REQUIRE(!flushed);
    CHECK(flushed.error().os_error() == EIO);
    CHECK(**db.get("k") == "v");
    CHECK(db.put("new", "v").error().os_error() == EIO);
    CHECK(db.wait_durable(1).error().outcome() == WriteOutcome::undecided);
    CHECK(db.flush().error().os_error() == EIO);
    CHECK(db.close().error().os_error() == EIO);
  }
}

TEST_CASE("large: a write beyond a quarter of the buffer is durable when it returns, in any mode") {
  for (const Durability mode : kModes) {
    World world(1);
    Db db = world.open(small(mode));
    REQUIRE(db.put("before", "v"));
    const std::string value(100 << 10, 'v');
    const auto commit = db.put("large", value);
    REQUIRE(commit);
    CHECK(db.durable_seq() == commit->seq);
    REQUIRE(db.put("after", "v"));
    REQUIRE(db.flush());
    world.storage.crash({});
    static_cast<void>(db.close());
    Db again = world.open(small(mode));
    CHECK(count(again) == 3);
    CHECK(**again.get("large") == value);
  }
}

TEST_CASE("schedule: tickets, deadlines, small and large writes in every mode: all end, in order") {
  for_each_seed(150, [](std::uint64_t seed) {
    support::SimStorageOptions machine;
    machine.sync_time = 3ms;
    support::Simulation sim(seed, machine);
    const Durability mode = kModes[seed % 3];
    auto db = db::Access::open(small(mode), sim.environment());
    REQUIRE(db);
    std::map<std::uint64_t, std::string> order;  // by sequence
    for (int w = 0; w < 4; ++w) {
      sim.spawn("writer", [&, w] {
        support::Rng rng = sim.rng().fork(static_cast<std::uint64_t>(w));
        for (int i = 0; i < 6; ++i) {
          WriteOptions options{.wait = rng.coin(), .durable = rng.below(4) == 0};
          if (rng.below(4) == 0) options.deadline = std::chrono::milliseconds(rng.below(5));
          const std::string name = std::to_string(w) + "/" + std::to_string(i);
          const std::size_t bytes = rng.below(5) == 0 ? 40'000 : rng.between(1, 16'000);
          const auto commit = db->put("last", name + std::string(bytes, '.'), options);
          const std::uint64_t seq = commit ? commit->seq : commit.error().sequence();
          if (!commit) CHECK(commit.error().code() == ErrorCode::timed_out);
          if (seq != 0) support::quietly([&] { order[seq] = name; });
          if (commit && options.durable && options.wait) CHECK(db->durable_seq() >= seq);
          if (rng.below(5) == 0) CHECK(db->flush());
          if (rng.below(5) == 0 && seq != 0) CHECK(db->wait_durable(seq));
        }
      });
    }
    sim.run();
    REQUIRE(db->flush());
    CHECK(db->durable_seq() == order.size());
    REQUIRE(!order.empty());
    CHECK(order.rbegin()->first == order.size());
    CHECK((*db->get("last"))->view().starts_with(order.rbegin()->second + "."));
    sim.storage().crash(Crash::from_seed(seed));
    static_cast<void>(db->close());
    auto again = db::Access::open(small(mode), sim.environment());
    REQUIRE(again);
    CHECK((*again->get("last"))->view().starts_with(order.rbegin()->second + "."));
  });
}

TEST_CASE("idle: an empty frame proves the last group, so that later damage to it is an error") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("k", std::string(3000, 'v')));
  world.sim.executor().pump_until(world.sim.clock().now() + 3s);
  CHECK(db.stats()->log.marks == 1);
  world.sim.executor().pump_until(world.sim.clock().now() + 60s);
  CHECK(db.stats()->log.marks == 1);
  world.storage.kill();
  static_cast<void>(db.close());
  world.storage.flip_bit("db/wal/0", (8192 + 500) * 8);
  const auto again = world.try_open();
  REQUIRE(!again);
  CHECK(again.error().code() == ErrorCode::corruption);
}

TEST_CASE("zeros: silt-log writes them ahead of the drains, and a drain never waits for the size") {
  World world(1);
  Db db = world.open();
  const auto size = [&] { return world.storage.contents("db/wal/0").size(); };
  for (int i = 0; i < 200; ++i) {
    REQUIRE(db.put(std::to_string(i), std::string(3000, 'v')));
    const auto before = size();
    while (world.sim.executor().pump()) {
    }
    if (i != 0) CHECK(before > 8192U + 4096U * (static_cast<unsigned>(i) + 1));
  }
  CHECK(size() <= 3 * (8192 + 200 * 4096));
  world.storage.crash({});
  static_cast<void>(db.close());
  Db again = world.open();
  CHECK(count(again) == 200);
}

TEST_CASE("zeros: beside drains of any size, and without room for them, every write is kept") {
  for_each_seed(60, [](std::uint64_t seed) {
    support::SimStorageOptions machine;
    machine.transfer_time = 2ms;
    support::Simulation sim(seed, machine);
    std::uint64_t done = 0;
    {
      auto db = db::Access::open(settings(Durability::every_commit), sim.environment());
      REQUIRE(db);
      if (seed % 4 == 0) {
        sim.storage().faults().add({.on = Op::write, .path = "db/wal/*", .begin = 1 << 20});
      }
      sim.spawn("writer", [&] {
        for (; done < 30; ++done) {
          const std::string value(sim.rng().between(1, 150'000), 'v');
          if (!db->put(std::to_string(done), value, {.wait = sim.rng().below(3) != 0})) break;
        }
        if (!db->flush()) done = 0;
      });
      sim.run();
    }
    sim.storage().faults().clear();
    sim.storage().crash(Crash::from_seed(seed));
    auto after = db::Access::open(settings(Durability::every_commit), sim.environment());
    REQUIRE_MESSAGE(after, after.error().to_string());
    CHECK(count(*after) >= done);
  });
}
