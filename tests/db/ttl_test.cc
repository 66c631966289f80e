// Values that are there for a while: how long, by which clock, and what stands in the log of it.
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/world.h"
#include "support/sim_crash.h"

using namespace siltstone;
using namespace std::chrono_literals;
using db::World;
using support::Crash;

namespace {

constexpr Durability kModes[] = {Durability::every_commit, Durability::interval,
                                 Durability::write_back};

db::Settings settings(Durability mode) { return {.dir = "db", .durability = mode}; }

/// The value of `key`, or "none".
std::string get(Db& db, std::string_view key) {
  const auto value = db.get(key);
  if (!value) FAIL(value.error().to_string());
  return *value ? (*value)->to_string() : "none";
}

/// The keys that an iterator shows.
std::string keys(Iterator it) {
  std::string found;
  for (; it.valid(); it.next()) found += std::string(it.key()) + " ";
  REQUIRE(it.status());
  return found;
}

/// A clock that counts how often it is asked for the wall time.
class CountingClock final : public io::Clock {
 public:
  explicit CountingClock(io::Clock& inner) : inner_(inner) {}
  [[nodiscard]] io::Time now() const noexcept override { return inner_.now(); }
  [[nodiscard]] std::int64_t wall_ms() const noexcept override {
    ++count_;
    return inner_.wall_ms();
  }
  [[nodiscard]] int count() const noexcept { return count_; }

 private:
  io::Clock& inner_;
  mutable int count_ = 0;
};

}  // namespace

TEST_CASE("ttl: a value is there for its time, to the millisecond, and then as if it was erased") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("k", "old"));
  REQUIRE(db.put("l", "stays"));
  const std::int64_t begin = world.sim.clock().wall_ms();
  REQUIRE(db.put("k", "new", {.ttl = 1h}));
  const std::int64_t end = begin + 3'600'000;
  world.sim.clock().step_wall(end - 1 - world.sim.clock().wall_ms());
  CHECK(get(db, "k") == "new");
  CHECK(keys(db.iterate()) == "k l ");
  world.sim.clock().step_wall(1);
  CHECK(get(db, "k") == "none");  // and not "old"
  CHECK(keys(db.iterate()) == "l ");
  CHECK(keys(db.iterate({.from = "k", .to = "l"})) == "");
  REQUIRE(db.put("k", "again"));
  world.sim.clock().step_wall(1'000'000'000'000);
  CHECK(get(db, "k") == "again");
}

TEST_CASE("ttl: the moment is stored, and is the same after a replay, whatever happened between") {
  for (const Durability mode : kModes) {
    World world(1);
    const std::int64_t begin = world.sim.clock().wall_ms();
    Db db = world.open(settings(mode));
    REQUIRE(db.put("short", "v", {.ttl = 10s}));
    REQUIRE(db.put("long", "v", {.ttl = 20s}));
    REQUIRE(db.flush());
    world.storage.crash({});
    static_cast<void>(db.close());
    world.sim.clock().step_wall(begin + 9'000 - world.sim.clock().wall_ms());
    db = world.open(settings(mode));
    CHECK(keys(db.iterate()) == "long short ");
    REQUIRE(db.close());
    world.sim.clock().step_wall(6'000);  // nobody is there
    db = world.open(settings(mode));
    CHECK(keys(db.iterate()) == "long ");
    REQUIRE(db.close());
    db = world.open(settings(mode));
    const auto it = db.iterate();
    CHECK(it.expiry()->time_since_epoch().count() - begin - 20'000 <= 1000);
    world.sim.clock().step_wall(6'000);
    CHECK(get(db, "long") == "none");
  }
}

TEST_CASE("ttl: an iterator goes on to show what was there when it was made, and says till when") {
  World world(1);
  Db db = world.open();
  for (const auto* key : {"a", "b", "c"}) REQUIRE(db.put(key, key, {.ttl = 1s}));
  REQUIRE(db.put("d", "d"));
  const std::int64_t now = world.sim.clock().wall_ms();
  auto it = db.iterate();
  world.sim.clock().step_wall(5'000);
  const auto expiry = it.expiry();
  REQUIRE(expiry);
  CHECK(expiry->time_since_epoch().count() <= now + 1000);
  it.seek("b");
  REQUIRE(it.valid());
  CHECK(it.key() == "b");
  CHECK(keys(std::move(it)) == "b c d ");
  auto later = db.iterate();
  REQUIRE(later.valid());
  CHECK(later.key() == "d");
  CHECK(later.expiry() == std::nullopt);
}

TEST_CASE("ttl: M1, a clock that is set back shows a value again; one that is set ahead takes it") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("k", "v", {.ttl = 1min}));
  world.sim.clock().step_wall(3'600'000);
  CHECK(get(db, "k") == "none");
  world.sim.clock().step_wall(-3'600'000);
  CHECK(get(db, "k") == "v");
  world.sim.clock().step_wall(-3'600'000);
  CHECK(get(db, "k") == "v");
  // Before 1970, too.
  world.sim.clock().step_wall(-world.sim.clock().wall_ms() - 1'000'000);
  REQUIRE(db.put("early", "v", {.ttl = 1s}));
  CHECK(get(db, "early") == "v");
  REQUIRE(db.close());
  db = world.open();
  CHECK(get(db, "early") == "v");
  world.sim.clock().step_wall(1'001);
  CHECK(get(db, "early") == "none");
}

TEST_CASE("ttl: M3, zero, negative and endless times are refused by name, and change nothing") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("k", "v"));
  Batch batch;
  REQUIRE(batch.put("k", "w"));
  using Ms = std::chrono::milliseconds;
  const std::vector<std::pair<Ms, std::string>> rows = {
      {Ms(0), "a time to live is at least 1 ms, not 0 ms"},
      {Ms(-1), "a time to live is at least 1 ms, not -1 ms"},
      {Ms::min(), "a time to live is at least 1 ms, not -9223372036854775808 ms"},
      {Ms::max(), "a time to live of 9223372036854775807 ms ends later than can be stored"},
  };
  for (const auto& [ttl, message] : rows) {
    CAPTURE(message);
    for (const auto& refused :
         {db.put("k", "w", {.ttl = ttl}), db.put_batch(batch, {.ttl = ttl})}) {
      REQUIRE(!refused);
      CHECK(refused.error().code() == ErrorCode::invalid_argument);
      CHECK(refused.error().message() == message);
      CHECK(refused.error().outcome() == WriteOutcome::not_applied);
    }
    Batch of_its_own;
    auto added = of_its_own.put("k", "w", ttl);
    CHECK(of_its_own.has_ttl() == added.has_value());
    CHECK(of_its_own.count() == (added ? 1 : 0));
    const auto refused = added ? db.put_batch(of_its_own) : Result<Commit>();
    CHECK((added ? refused.error() : added.error()).message() == message);
  }
  CHECK(get(db, "k") == "v");
  const std::int64_t left = INT64_MAX - world.sim.clock().wall_ms();
  CHECK(!db.put("k", "w", {.ttl = Ms(left + 1)}));
  CHECK(db.put("k", "w", {.ttl = Ms(left)})->seq == 2);
  CHECK(get(db, "k") == "w");
  CHECK(db.iterate().expiry()->time_since_epoch() == Ms::max());
}

TEST_CASE("ttl: in a batch each value has its own, or the batch's, counted from the call") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("d", "erased"));
  Batch batch;
  REQUIRE(batch.put("a", "v", 10s));
  REQUIRE(batch.put("b", "v"));
  REQUIRE(batch.put("c", "v", 30s));
  REQUIRE(batch.erase("d"));
  CHECK(batch.has_ttl());
  world.sim.clock().step_wall(60'000);  // not from here
  REQUIRE(db.put_batch(batch, {.ttl = 20s}));
  CHECK(keys(db.iterate()) == "a b c ");
  world.sim.clock().step_wall(10'000);
  CHECK(keys(db.iterate()) == "b c ");
  world.sim.clock().step_wall(10'000);
  CHECK(keys(db.iterate()) == "c ");
  world.sim.clock().step_wall(10'000);
  CHECK(keys(db.iterate()) == "");
  REQUIRE(db.put_batch(batch));
  CHECK(keys(db.iterate()) == "a b c ");
  world.sim.clock().step_wall(40'000);
  CHECK(keys(db.iterate()) == "b ");
  batch.clear();
  CHECK(!batch.has_ttl());
}

TEST_CASE("ttl: an erase has none, and moving a batch takes its times along") {
  World world(1);
  Db db = world.open();
  CHECK(db.erase("k", {.ttl = -1s}));
  Batch batch;
  REQUIRE(batch.put("k", "v", 1s));
  Batch moved(std::move(batch));
  CHECK(!batch.has_ttl());  // NOLINT(bugprone-use-after-move): that is the test
  batch = std::move(moved);
  CHECK(!moved.has_ttl());  // NOLINT(bugprone-use-after-move)
  REQUIRE(db.put_batch(batch));
  world.sim.clock().step_wall(1'001);
  CHECK(get(db, "k") == "none");
}

TEST_CASE("ttl: no clock is read for values that stay") {
  World world(1);
  CountingClock clock(world.sim.clock());
  io::Environment environment = world.sim.environment();
  environment.clock = &clock;
  auto db = db::Access::open({.dir = "db"}, environment);
  REQUIRE(db);
  REQUIRE(db->put("k", "v"));
  CHECK(get(*db, "k") == "v");
  CHECK(get(*db, "none") == "none");
  CHECK(clock.count() == 0);
  REQUIRE(db->put("k", "v", {.ttl = 1h}));
  CHECK(clock.count() == 1);
  CHECK(get(*db, "k") == "v");
  CHECK(clock.count() == 2);
}
