// The file of the ring: what it adds to a log, and what it must not.
#include "wal/tail.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "wal/log_world.h"
#include "wal/ring.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

constexpr std::size_t kCapacity = 64 << 10;
constexpr const char* kPath = "db/tail";

/// How records get into the file.
enum class By : std::uint8_t { calls, stores };
constexpr By kWays[] = {By::calls, By::stores};

/// A log with a ring whose records go to the file alone.
struct TailWorld : LogWorld {
  explicit TailWorld(By by = By::calls, bool direct = true)
      : LogWorld(1, machine(direct)), way(by) {}

  static support::SimStorageOptions machine(bool direct) {
    support::SimStorageOptions options;
    options.direct_io = direct;
    return options;
  }

  /// Begins a session: opens the log, its ring and the file.
  void begin() {
    log.emplace(*open());
    begin_ring();
  }
  /// The ring goes on where the log ended.
  void begin_ring() {
    ring.reset();
    tail = *TailWriter::open(storage, **storage.open_directory(kStore), kCapacity);
    std::unique_ptr<io::Mapping> mapping;
    if (way == By::stores) mapping = *tail->map();
    ring.emplace(*Ring::make(kCapacity, log->log.writer->ring(), std::move(mapping)));
    next = log->log.writer->next();
  }
  void append(const Commit& commit) {
    const base::RingPosition begin = ring->head().position;
    const auto record = encode_record(ring->head(), next, commit.count, commit.entries);
    REQUIRE(ring->prepare(record.size()));
    ring->append(record);
    next += commit.count;
    if (ring->is_mapped()) return;
    REQUIRE(tail->write(ring->range(begin, ring->head().position), begin));
  }
  /// Drains everything from `from` on, so that its place in the ring may be used again.
  void drain(base::RingPosition from) {
    REQUIRE(log->log.writer->drain(ring->range(from, ring->head().position)));
    ring->release(ring->head().position);
  }
  void kill() {
    tail.reset();
    log.reset();
    storage.kill();
  }

  const By way;
  std::optional<TestLog> log;
  std::optional<Ring> ring;
  std::unique_ptr<TailWriter> tail;
  base::Sequence next{1};
};

std::vector<Commit> commits(std::uint64_t first, std::uint64_t end) {
  std::vector<Commit> all;
  for (; first < end; ++first) all.push_back(make_commit(first, 300));
  return all;
}

}  // namespace

TEST_CASE("tail: after a kill, records that were never drained are found, and then durable") {
  for (const auto& [by, direct] : {std::pair(By::calls, true), std::pair(By::calls, false),
                                   std::pair(By::stores, true), std::pair(By::stores, false)}) {
    TailWorld world(by, direct);
    world.begin();
    REQUIRE(world.log->drain(make_commit(0, 300)));
    world.begin_ring();
    for (const Commit& commit : commits(1, 40)) world.append(commit);
    world.kill();

    const auto reading = world.read();
    REQUIRE(reading.state);
    CHECK(reading.found->commits == commits(0, 40));
    CHECK(reading.state->tail_records == 39);
    CHECK(reading.state->next == world.next);
    {
      const auto opened = world.open();
      REQUIRE(opened);
      CHECK(opened->found->commits == commits(0, 40));
      CHECK(opened->log.recovered.tail_records == 39);
      CHECK(opened->log.writer->next() == world.next);
    }
    // Whatever a power cut takes now, and without the file.
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      LogWorld after(world.storage.snapshot().crashed(support::Crash::from_seed(seed)), seed);
      if (after.storage.exists(kPath)) {
        after.storage.corrupt(kPath, 0, std::vector<std::byte>(kCapacity, std::byte{0xee}));
      }
      CHECK(after.open()->found->commits == commits(0, 40));
    }
  }
}

TEST_CASE("tail: the ring wraps, and its file with it") {
  for (const By by : kWays) {
    TailWorld world(by);
    world.begin();
    std::uint64_t done = 0;
    for (int round = 0; round < 10; ++round) {
      const base::RingPosition from = world.ring->head().position;
      for (const Commit& commit : commits(done, done + 60)) world.append(commit);
      done += 60;
      world.drain(from);
    }
    for (const Commit& commit : commits(done, done + 60)) world.append(commit);
    world.kill();
    const auto opened = world.open();
    REQUIRE(opened);
    CHECK(opened->found->commits == commits(0, done + 60));
    CHECK(opened->log.recovered.tail_records == 60);
  }
}

TEST_CASE("tail: a ring of another session is void") {
  for (const By by : kWays) {
    TailWorld world(by);
    world.begin();
    for (const Commit& commit : commits(0, 10)) world.append(commit);
    world.kill();
    REQUIRE(world.open());  // takes them over, and begins another session
    world.storage.kill();
    const auto again = world.open();
    REQUIRE(again);
    CHECK(again->found->commits == commits(0, 10));
    CHECK(again->log.recovered.tail_records == 0);
  }
}

TEST_CASE("tail: it ends at the first record that is not whole, whatever follows") {
  for (std::uint64_t torn = 0; torn < 20; ++torn) {
    TailWorld world(kWays[torn % 2]);
    world.begin();
    const base::RingPosition begin = world.ring->head().position;
    std::uint64_t at = 0;
    for (std::uint64_t n = 0; n < 10; ++n) {
      if (n == torn / 2) at = world.ring->head().position.value();
      world.append(make_commit(n, 300));
    }
    REQUIRE(begin == base::RingPosition{});
    world.kill();
    world.storage.flip_bit(kPath, (at + 100) * 8);
    CHECK(world.open()->found->commits == commits(0, torn / 2));
  }
}

TEST_CASE("tail: a power cut leaves a prefix of what was not synced") {
  for (const By by : kWays) {
    TailWorld world(by);
    world.begin();
    for (const Commit& commit : commits(0, 100)) world.append(commit);
    std::size_t most = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      LogWorld after(world.storage.snapshot().crashed(support::Crash::from_seed(seed)), seed);
      const auto opened = after.open();
      REQUIRE_MESSAGE(opened, opened.error().to_string());
      CHECK(opened->found->commits == commits(0, opened->found->commits.size()));
      most = std::max(most, opened->found->commits.size());
    }
    CHECK(most > 0);
  }
}

TEST_CASE("tail: a store that stays small has a small file; one that filled it gets a large one") {
  TailWorld world;
  const auto dir = *world.storage.open_directory(kStore);
  const auto reopen = [&](std::size_t most, std::uint64_t before) {
    const auto tail = *TailWriter::open(world.storage, *dir, most, base::RingPosition{before});
    CHECK(world.storage.contents(kPath).size() == tail->capacity());
    return tail->capacity();
  };
  CHECK(reopen(16 << 20, 0) == kFirstTailBytes);
  CHECK(reopen(16 << 20, kFirstTailBytes - 1) == kFirstTailBytes);
  CHECK(reopen(16 << 20, kFirstTailBytes) == 16 << 20);
  CHECK(reopen(16 << 20, 0) == 16 << 20);
  CHECK(reopen(8 << 20, 0) == 8 << 20);
  CHECK(reopen(64 << 10, 0) == 64 << 10);
  CHECK(reopen(16 << 20, 0) == kFirstTailBytes);
}

TEST_CASE("tail: the file is mapped with all its blocks, once for all") {
  TailWorld world(By::stores);
  world.begin();
  CHECK(world.storage.used_bytes() >= kCapacity);
  const std::uint64_t before = world.storage.mutations();
  world.begin_ring();
  CHECK(world.storage.mutations() == before + 1);  // of the open
  world.storage.options().can_map = false;
  CHECK(world.tail->map().error().code() == ErrorCode::unsupported);
}

TEST_CASE("tail: hostile files are an end or an error, and never much memory") {
  const auto plant = [](std::size_t size) {
    auto world = std::make_unique<TailWorld>();
    world->begin();
    for (const Commit& commit : commits(0, 3)) world->append(commit);
    world->kill();
    auto file =
        *(*world->storage.open_directory(kStore))->open("tail", {.access = io::Access::read_write});
    REQUIRE(file->resize(size));
    return world;
  };
  for (const std::size_t size : {0U, 1U, 19U, 20U, 21U, 100U}) {
    CHECK(plant(size)->open()->found->commits.empty());
  }
  CHECK(plant(std::size_t{3} << 30)->open().error().code() == ErrorCode::corruption);

  // Right checksums over what no writer writes.
  TailWorld world;
  world.begin();
  const Commit commit = make_commit(0);
  std::string two = commit.entries + commit.entries;
  world.ring->append(encode_record(world.ring->head(), world.next, commit.count, two));
  REQUIRE(world.tail->write(world.ring->range({}, world.ring->head().position), {}));
  world.kill();
  const auto opened = world.open();
  REQUIRE(!opened);
  CHECK(opened.error().code() == ErrorCode::corruption);
  CHECK(opened.error().path().ends_with("tail"));
}
