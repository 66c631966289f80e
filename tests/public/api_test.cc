// Every call of the public API, as its headers describe it, on real files.
#include <siltstone/db.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.h"

using namespace siltstone;
using namespace std::string_view_literals;
using support::TempDir;

namespace {

/// As the environment of the test asks, so that all of it runs on each backend.
Builder builder(const std::string& dir) {
  const char* const asked = std::getenv("SILT_TEST_IO_BACKEND");
  const std::string_view name = asked != nullptr ? asked : "";
  return Db::builder(dir).io_backend(name == "uring"   ? IoBackend::uring
                                     : name == "posix" ? IoBackend::posix
                                                       : IoBackend::automatic);
}

Db open(const std::string& dir) {
  auto db = builder(dir).build();
  if (!db) FAIL(db.error().to_string());
  return std::move(*db);
}

std::string get_or(Db& db, std::string_view key, std::string_view otherwise) {
  auto value = db.get(key);
  if (!value) FAIL(value.error().to_string());
  return std::string(*value ? (**value).view() : otherwise);
}

using State = std::map<std::string, std::string>;

State walk(Db& db, const IterateOptions& bounds = {}) {
  State seen;
  std::string last;
  auto it = db.iterate(bounds);
  for (; it.valid(); it.next()) {
    CHECK((seen.empty() || last < it.key()));
    last = it.key();
    seen.emplace(it.key(), it.value());
  }
  CHECK(it.status().has_value());
  return seen;
}

}  // namespace

TEST_CASE("db: the example of the manual") {
  const TempDir tmp;
  auto db = Db::builder(tmp / "data").build();
  REQUIRE(db);
  REQUIRE(db->put("k", "v"));
  auto value = db->get("k");
  REQUIRE(value);
  REQUIRE(*value);
  CHECK(**value == "v");
  REQUIRE(db->close());
}

TEST_CASE("db: absence is not an error, and an erased key is absent") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  CHECK(db.get("k").value() == std::nullopt);
  REQUIRE(db.erase("k"));
  REQUIRE(db.put("k", "v"));
  REQUIRE(db.erase("k"));
  CHECK(db.get("k").value() == std::nullopt);
}

TEST_CASE("db: sequences count every operation of every write") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  CHECK(db.put("a", "1")->seq == 1);
  CHECK(db.erase("b")->seq == 2);
  Batch batch;
  REQUIRE(batch.put("c", "3"));
  REQUIRE(batch.put("d", "4"));
  CHECK(db.put_batch(batch)->seq == 4);
  batch.clear();
  CHECK(db.put_batch(batch)->seq == 4);
  CHECK(db.put("e", "5")->seq == 5);
}

TEST_CASE("lsn_monotonic_reopen") {
  const TempDir tmp;
  std::uint64_t last = 0;
  for (int round = 0; round < 4; ++round) {
    Db db = open(tmp / "data");
    for (int i = 0; i < 3; ++i) {
      const auto commit = db.put("k", std::to_string(i));
      REQUIRE(commit);
      CHECK(commit->seq > last);
      last = commit->seq;
    }
  }
}

TEST_CASE("db: everything is there after a reopen, closed or dropped") {
  const TempDir tmp;
  State expected;
  for (int round = 0; round < 4; ++round) {
    Db db = open(tmp / "data");
    CHECK(walk(db) == expected);
    for (int i = 0; i < 10; ++i) {
      const std::string key = std::to_string(i * (round + 1));
      expected[key] = std::string(static_cast<std::size_t>(i) * 100, 'x') + std::to_string(round);
      REQUIRE(db.put(key, expected[key]));
    }
    REQUIRE(db.erase("0"));
    expected.erase("0");
    if (round % 2 == 0) REQUIRE(db.close());
  }
}

TEST_CASE("close_flushes") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  REQUIRE(db.put("k", "v"));
  REQUIRE(db.flush());
  REQUIRE(db.put("l", "w"));
  REQUIRE(db.close());
  Db again = open(tmp / "data");
  CHECK(get_or(again, "k", "none") == "v");
  CHECK(get_or(again, "l", "none") == "w");
}

TEST_CASE("batch: in order, the last one of a key wins, and it can be used again") {
  const TempDir tmp;
  Batch batch;
  REQUIRE(batch.put("k", "first"));
  REQUIRE(batch.erase("k"));
  REQUIRE(batch.put("k", "last"));
  REQUIRE(batch.put("gone", "x"));
  REQUIRE(batch.erase("gone"));
  CHECK(batch.count() == 5);
  CHECK(!batch.empty());
  Db db = open(tmp / "data");
  REQUIRE(db.put_batch(batch));
  CHECK(walk(db) == State{{"k", "last"}});
  batch.clear();
  CHECK(batch.empty());
  CHECK(batch.bytes() == 0);
  REQUIRE(batch.put("m", "n"));
  REQUIRE(db.put_batch(batch));
  CHECK(walk(db) == State{{"k", "last"}, {"m", "n"}});
}

TEST_CASE("batch: moving hands the operations on; what was moved from is empty") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  Batch first;
  REQUIRE(first.put("k", "v"));
  Batch second = std::move(first);
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): that is the test
  CHECK(db.put_batch(first));
  Batch third;
  third = std::move(second);
  CHECK(second.empty());  // NOLINT(bugprone-use-after-move)
  CHECK(db.put_batch(second));
  CHECK(walk(db).empty());
  CHECK(third.count() == 1);
  CHECK(db.put_batch(third));
  CHECK(walk(db) == State{{"k", "v"}});
}

TEST_CASE("limits: the empty key, zero bytes, and exactly the longest key are fine") {
  const TempDir tmp;
  const std::string longest(kMaxKeyBytes, 'k');
  {
    Db db = open(tmp / "data");
    REQUIRE(db.put("", "empty"));
    REQUIRE(db.put("\0"sv, ""));
    REQUIRE(db.put("\0\0"sv, "\0"sv));
    REQUIRE(db.put(longest, "long"));
  }
  Db db = open(tmp / "data");
  const State expected = {{"", "empty"},
                          {std::string(1, '\0'), ""},
                          {std::string(2, '\0'), std::string(1, '\0')},
                          {longest, "long"}};
  CHECK(walk(db) == expected);
}

TEST_CASE("limits: a key or value that is too long is refused, and nothing is changed") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  const std::string key(kMaxKeyBytes + 1, 'k');
  const std::string value(kMaxValueBytes + 1, 'v');
  for (const auto& refused : {db.put(key, "v"), db.erase(key), db.put("k", value)}) {
    REQUIRE(!refused);
    CHECK(refused.error().code() == ErrorCode::invalid_argument);
  }
  Batch batch;
  CHECK(batch.put(key, "").error().message() == "the key is longer than 65535 bytes");
  CHECK(batch.put("", value).error().message() == "the value is longer than 64 MiB");
  CHECK(batch.empty());
  CHECK(batch.bytes() == 0);
  CHECK(walk(db).empty());
  CHECK(db.put("k", "v")->seq == 1);
  CHECK(db.get(key).value() == std::nullopt);
}

TEST_CASE("limits: a batch ends at 256 MiB, and stays usable") {
  const std::string value(kMaxValueBytes, 'v');
  Batch batch;
  for (int i = 0; i < 3; ++i) REQUIRE(batch.put("k", value));
  const auto refused = batch.put("k", value);
  REQUIRE(!refused);
  CHECK(refused.error().message() == "the batch would be larger than 256 MiB");
  CHECK(batch.count() == 3);
  CHECK(batch.put("k", "small"));
}

TEST_CASE("limits: a full memtable refuses writes by the option's name, and reads go on") {
  const TempDir tmp;
  const auto open_small = [&] { return Db::builder(tmp / "data").memtable_bytes(1 << 20).build(); };
  const std::string value(10'000, 'v');
  int written = 0;
  {
    auto db = open_small();
    REQUIRE(db);
    Result<Commit> put = Commit{};
    for (; put && written < 1000; ++written) put = db->put(std::to_string(written), value);
    --written;
    CHECK(written > 90);
    CHECK(put.error().code() == ErrorCode::out_of_memory);
    CHECK(put.error().message().find("memtable_bytes") != std::string_view::npos);
    CHECK(get_or(*db, "0", "") == value);
    CHECK(db->put("small", "v"));
    Batch batch;
    for (int i = 0; i < 200; ++i) REQUIRE(batch.put("b" + std::to_string(i), value));
    CHECK(db->put_batch(batch).error().code() == ErrorCode::out_of_memory);
    CHECK(get_or(*db, "b0", "none") == "none");
  }
  auto again = open_small();
  REQUIRE(again);
  CHECK(walk(*again).size() == static_cast<std::size_t>(written) + 1);
}

TEST_CASE("limits: a log that is larger than the memtable is refused by the option's name") {
  const TempDir tmp;
  {
    auto db = open(tmp / "data");
    REQUIRE(db.put("k", std::string(2 << 20, 'v')));
  }
  const auto small = Db::builder(tmp / "data").memtable_bytes(1 << 20).build();
  CHECK(small.error().code() == ErrorCode::out_of_memory);
  CHECK(small.error().message().find("memtable_bytes") != std::string_view::npos);
  CHECK(Db::builder(tmp / "data").build());
}

TEST_CASE("iterate: bounds and seeking") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  for (const auto* key : {"a", "user", "user/1", "user/2", "user/3", "user0", "z"}) {
    REQUIRE(db.put(key, key));
  }
  const auto keys = [&](const IterateOptions& bounds) {
    std::string text;
    for (const auto& [key, value] : walk(db, bounds)) text += key + " ";
    return text;
  };
  CHECK(keys({}) == "a user user/1 user/2 user/3 user0 z ");
  CHECK(keys({.prefix = "user/"}) == "user/1 user/2 user/3 ");
  CHECK(keys({.prefix = "user/", .from = "user/2"}) == "user/2 user/3 ");
  CHECK(keys({.prefix = "user/", .from = "a", .to = "user/3"}) == "user/1 user/2 ");
  CHECK(keys({.from = "user/2", .to = "user0"}) == "user/2 user/3 ");
  CHECK(keys({.from = "zz"}) == "");
  CHECK(keys({.from = "b", .to = "a"}) == "");
  CHECK(keys({.prefix = "none"}) == "");

  auto it = db.iterate({.prefix = "user/", .to = "user/3"});
  it.seek("user/2");
  REQUIRE(it.valid());
  CHECK(it.value() == "user/2");
  it.seek("a");
  REQUIRE(it.valid());
  CHECK(it.key() == "user/1");
  it.seek("user/22");
  CHECK(!it.valid());
  CHECK(it.status());
  it.next();
  CHECK(!it.valid());
  it.seek("");
  CHECK(it.valid());
}

TEST_CASE("iterate: it sees one moment, whatever is written meanwhile") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  for (const auto* key : {"a", "c", "e"}) REQUIRE(db.put(key, "old"));
  auto it = db.iterate();
  REQUIRE(db.put("b", "new"));
  REQUIRE(db.put("c", "new"));
  REQUIRE(db.erase("e"));
  State seen;
  for (; it.valid(); it.next()) seen.emplace(it.key(), it.value());
  CHECK(seen == State{{"a", "old"}, {"c", "old"}, {"e", "old"}});
  CHECK(walk(db) == State{{"a", "old"}, {"b", "new"}, {"c", "new"}});
}

TEST_CASE("ttl: a value goes when its time has passed, and stays away after a reopen") {
  const TempDir tmp;
  {
    Db db = open(tmp / "data");
    REQUIRE(db.put("hour", "v", {.ttl = std::chrono::hours(1)}));
    REQUIRE(db.put("short", "v", {.ttl = std::chrono::milliseconds(20)}));
    CHECK(get_or(db, "hour", "none") == "v");
    // By the machine's clock: as long as it takes.
    while (get_or(db, "short", "none") != "none") std::this_thread::yield();
    CHECK(walk(db) == State{{"hour", "v"}});
    auto refused = db.put("k", "v", {.ttl = std::chrono::milliseconds(-7)});
    REQUIRE(!refused);
    CHECK(refused.error().code() == ErrorCode::invalid_argument);
    CHECK(refused.error().message().find("-7 ms") != std::string_view::npos);
  }
  Db db = open(tmp / "data");
  CHECK(walk(db) == State{{"hour", "v"}});
}

TEST_CASE("snapshot: it reads the store as it was, also on another thread") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  REQUIRE(db.put("from", "10"));
  REQUIRE(db.put("to", "0"));
  const auto snapshot = db.snapshot();
  REQUIRE(snapshot);
  CHECK(snapshot->seq() == 2);
  Batch batch;
  REQUIRE(batch.put("from", "0"));
  REQUIRE(batch.put("to", "10"));
  REQUIRE(db.put_batch(batch));
  std::string seen;
  std::thread reader([copy = *snapshot, &seen] {
    seen = (*copy.get("from"))->to_string();
    for (auto it = copy.iterate(); it.valid(); it.next()) seen += " " + std::string(it.value());
  });
  reader.join();
  CHECK(seen == "10 10 0");
  CHECK(walk(db) == State{{"from", "0"}, {"to", "10"}});
  REQUIRE(db.close());
  CHECK(snapshot->get("from").error().code() == ErrorCode::closed);
}

TEST_CASE("snapshot: a read-only store has them too") {
  const TempDir tmp;
  {
    REQUIRE(open(tmp / "data").put("k", "v"));
  }
  auto reader = builder(tmp / "data").read_only(true).build();
  REQUIRE(reader);
  CHECK(**reader->snapshot()->get("k") == "v");
}

TEST_CASE("close: calls after it answer closed; it may be called again") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  REQUIRE(db.put("k", "v"));
  auto kept = db.get("k");
  auto it = db.iterate();
  REQUIRE(it.valid());
  REQUIRE(db.close());
  CHECK(db.close());
  CHECK(db.put("k", "w").error().code() == ErrorCode::closed);
  CHECK(db.erase("k").error().code() == ErrorCode::closed);
  CHECK(db.put_batch({}).error().code() == ErrorCode::closed);
  CHECK(db.get("k").error().code() == ErrorCode::closed);
  CHECK(db.flush().error().code() == ErrorCode::closed);
  CHECK(db.iterate().status().error().code() == ErrorCode::closed);
  CHECK(!it.valid());
  it.next();
  it.seek("k");
  CHECK(!it.valid());
  CHECK(it.status().error().code() == ErrorCode::closed);
  CHECK(**kept == "v");
}

TEST_CASE("close: an iterator and a value may outlive their store") {
  const TempDir tmp;
  std::optional<Value> value;
  auto it = [&] {
    Db db = open(tmp / "data");
    REQUIRE(db.put("k", "v"));
    value = *db.get("k");
    return db.iterate();
  }();
  CHECK(!it.valid());
  CHECK(it.status().error().code() == ErrorCode::closed);
  CHECK(value == std::optional<Value>("v"));
}

TEST_CASE("db: moving hands the store on; what was moved from is closed") {
  const TempDir tmp;
  Db first = open(tmp / "one");
  REQUIRE(first.put("k", "1"));
  Db second = std::move(first);
  CHECK(get_or(second, "k", "none") == "1");
  CHECK(first.get("k").error().code() == ErrorCode::closed);
  CHECK(first.put("k", "v").error().code() == ErrorCode::closed);
  CHECK(first.flush().error().code() == ErrorCode::closed);
  CHECK(first.close());
  CHECK(first.iterate().status().error().code() == ErrorCode::closed);
  second = open(tmp / "two");
  Db again = open(tmp / "one");
  CHECK(get_or(again, "k", "none") == "1");
}

TEST_CASE("no_lost_update_race") {
  constexpr int kThreads = 4;
  constexpr int kWrites = 50;
  const TempDir tmp;
  State expected;
  {
    Db db = open(tmp / "data");
    std::vector<std::thread> writers;
    for (int t = 0; t < kThreads; ++t) {
      writers.emplace_back([&db, t] {
        for (int i = 0; i < kWrites; ++i) {
          const std::string key = std::to_string(t) + "/" + std::to_string(i);
          // Durable and visible to its writer as soon as the call returns.
          if (!db.put(key, "x") || db.get(key).value() == std::nullopt) return;
          if (!db.put("last/" + std::to_string(t), std::to_string(i))) return;
        }
      });
    }
    for (auto& writer : writers) writer.join();
    for (int t = 0; t < kThreads; ++t) {
      for (int i = 0; i < kWrites; ++i) {
        expected[std::to_string(t) + "/" + std::to_string(i)] = "x";
      }
      expected["last/" + std::to_string(t)] = std::to_string(kWrites - 1);
    }
    CHECK(walk(db) == expected);
  }
  Db db = open(tmp / "data");
  CHECK(walk(db) == expected);
}

TEST_CASE("read only: sees what was committed when it was opened, and writes nothing") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  REQUIRE(db.put("k", "v"));
  auto reader = builder(tmp / "data").read_only(true).build();
  REQUIRE(reader);
  REQUIRE(db.put("l", "w"));
  CHECK(walk(*reader) == State{{"k", "v"}});
  CHECK(reader->put("k", "x").error().code() == ErrorCode::read_only);
  CHECK(reader->erase("k").error().code() == ErrorCode::read_only);
  CHECK(reader->put_batch({}).error().code() == ErrorCode::read_only);
  CHECK(reader->flush().error().code() == ErrorCode::read_only);
  REQUIRE(reader->close());
  CHECK(reader->get("k").error().code() == ErrorCode::closed);
  CHECK(walk(db).size() == 2);
}

TEST_CASE("stats: the backend in use is named, and is never automatic") {
  const TempDir tmp;
  Db db = open(tmp / "data");
  const auto stats = db.stats();
  REQUIRE(stats);
  CHECK(stats->io_backend != IoBackend::automatic);
  CHECK((stats->io_backend == IoBackend::uring) == (stats->ring_depth != 0));
  REQUIRE(db.close());
  CHECK(db.stats().error().code() == ErrorCode::closed);
}

TEST_CASE("builder: it can be copied and used again") {
  const TempDir tmp;
  Builder again = builder(tmp / "data").recovery(RecoveryMode::truncate);
  const Builder copy = again.compression(Compression::none);
  {
    REQUIRE(copy.build());
  }
  CHECK(again.create_if_missing(false).build());
}

TEST_CASE("options: durability, its bounds and presets; every fault is named at once") {
  using namespace std::chrono_literals;
  const TempDir tmp;
  const auto bad = Db::builder(tmp / "bad")
                       .durability(Durability::every_commit)
                       .sync_interval(100us)
                       .write_back_cache(1000)
                       .ring_depth(0)
                       .build();
  REQUIRE(!bad);
  CHECK(bad.error().code() == ErrorCode::invalid_argument);
  for (const auto* fault :
       {"sync_interval is 1 ms to 1 h", "sync_interval needs durability interval",
        "write_back_cache and write_buffer_ops need durability write_back", "ring_depth is"}) {
    CHECK(bad.error().message().find(fault) != std::string_view::npos);
  }
  CHECK(!Db::builder(tmp / "bad").write_back_cache(1000).build());
  CHECK(!Db::builder(tmp / "bad").write_buffer_ops(0).build());
  CHECK(!Db::builder(tmp / "bad").preset(static_cast<Preset>(9)).build());

  const auto durable_at_once = [&](const Builder& builder) {
    auto db = builder.build();
    REQUIRE(db);
    const auto commit = db->put("k", "v");
    REQUIRE(commit);
    return db->durable_seq() == commit->seq;
  };
  CHECK(durable_at_once(Db::builder(tmp / "a")));
  CHECK(durable_at_once(Db::builder(tmp / "a").preset(Preset::maximum_safety)));
  CHECK(!durable_at_once(Db::builder(tmp / "a").sync_interval(1h)));
  CHECK(!durable_at_once(Db::builder(tmp / "a").preset(Preset::balanced).sync_interval(1h)));
  CHECK(!durable_at_once(Db::builder(tmp / "a").write_buffer_ops(10)));
  CHECK(!durable_at_once(Db::builder(tmp / "a").preset(Preset::high_throughput)));
  CHECK(durable_at_once(
      Db::builder(tmp / "a").preset(Preset::high_throughput).durability(Durability::every_commit)));
}

TEST_CASE("writes: tickets of one thread share flushes, and statistics tell") {
  const TempDir tmp;
  auto db = Db::builder(tmp / "data").build();
  REQUIRE(db);
  std::uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto ticket = db->put(std::to_string(i), "v", {.wait = false});
    REQUIRE(ticket);
    last = ticket->seq;
  }
  REQUIRE(db->wait_durable(last));
  CHECK(db->durable_seq() == last);
  CHECK(**db->get("999") == "v");
  const auto stats = db->stats();
  REQUIRE(stats);
  CHECK(stats->log.records == 1000);
  CHECK(stats->log.operations == 1000);
  CHECK(stats->log.drains < 1000);
  CHECK(stats->log.drain_p50 <= stats->log.drain_max);
}

TEST_CASE("writes: of many threads whose time ends with the flush each is told what became of it") {
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kWrites = 200;
  const TempDir tmp;
  Db db = open(tmp / "data");
  std::vector<State> expected(kThreads);
  std::vector<std::string> wrong(kThreads);
  std::vector<std::thread> writers;
  for (std::size_t t = 0; t < kThreads; ++t) {
    writers.emplace_back([&db, t, &mine = expected[t], &told = wrong[t]] {
      for (std::size_t i = 0; i < kWrites; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i);
        const auto put =
            db.put(key, "v", {.deadline = std::chrono::microseconds((i * 37 + t * 101) % 400)});
        const auto outcome = put ? WriteOutcome::not_applied : put.error().outcome();
        if (put || outcome == WriteOutcome::pending) mine[key] = "v";
        if (!put && put.error().code() != ErrorCode::timed_out) told = put.error().to_string();
      }
    });
  }
  for (auto& writer : writers) writer.join();
  for (const std::string& text : wrong) CHECK(text == "");
  REQUIRE(db.flush());
  State all;
  for (State& mine : expected) all.merge(mine);
  CHECK(walk(db) == all);
}
