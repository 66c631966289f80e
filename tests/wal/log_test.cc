// Opening the log: what was drained is there again, from one open to the next; an error changes
// nothing.
#include "wal/log.h"

#include <cerrno>

#include <doctest/doctest.h>

#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;
using support::Op;

namespace {

/// Opens and drains one commit each time, `opens` times.
std::vector<Commit> fill(LogWorld& world, std::uint64_t opens, const LogOptions& options = {}) {
  std::vector<Commit> commits;
  for (std::uint64_t n = 0; n < opens; ++n) {
    auto opened = world.open(options);
    REQUIRE_MESSAGE(opened, opened.error().to_string());
    CHECK(opened->found->commits == commits);
    commits.push_back(make_commit(n));
    REQUIRE(opened->drain(commits.back()));
    if (n % 2 == 0) CHECK(opened->log.writer->mark(true));
  }
  return commits;
}

support::SimStorageOptions buffered() {
  support::SimStorageOptions machine;
  machine.direct_io = false;
  return machine;
}

}  // namespace

TEST_CASE("log: a new store is empty, and what is drained is there at the next open") {
  for (const bool direct : {true, false}) {
    LogWorld world(1, direct ? support::SimStorageOptions() : buffered());
    const auto commits = fill(world, 20);
    const auto reading = world.read();
    REQUIRE_MESSAGE(reading.state, reading.state.error().to_string());
    CHECK(reading.found->commits == commits);
    CHECK(reading.state->records == 20);
    CHECK(reading.state->dropped_bytes == 0);
    // Replaced segments are gone; the others are as many as opens.
    CHECK(reading.state->chain.size() == (direct ? 20 : 1));
    CHECK(world.storage.tree().size() == reading.state->chain.size());
  }
}

TEST_CASE("log: works with any alignment, also one that blocks cannot meet") {
  for (const std::uint32_t alignment : {512U, 4096U, 65536U}) {
    support::SimStorageOptions machine;
    machine.alignment_bytes = alignment;
    LogWorld world(1, machine);
    fill(world, 3);
  }
}

TEST_CASE("log: B3, short transfers, refusals and interruptions change nothing") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto machine = support::SimStorageOptions::nasty(seed);
    machine.direct_io = seed % 2 == 0;
    LogWorld world(seed, machine);
    fill(world, 4);
  }
}

TEST_CASE("log: lsn_monotonic_reopen, sequences and segment ids only grow") {
  LogWorld world;
  base::Sequence next{1};
  base::SegmentId segment;
  for (std::uint64_t n = 0; n < 5; ++n) {
    auto opened = world.open();
    REQUIRE(opened);
    CHECK(opened->log.writer->next() == next);
    CHECK(opened->log.recovered.next == next);
    CHECK(opened->log.writer->end().segment > segment);
    segment = opened->log.writer->end().segment;
    const Commit commit = make_commit(n);
    REQUIRE(opened->drain(commit));
    next += commit.count;
    CHECK(opened->log.writer->next() == next);
  }
}

TEST_CASE("log: codec_toggle_readable, each open may compress or not") {
  LogWorld world;
  std::vector<Commit> commits;
  for (std::uint64_t n = 0; n < 4; ++n) {
    auto opened = world.open({.compression = n % 2 == 0 ? Compression::snappy : Compression::none});
    REQUIRE(opened);
    CHECK(opened->found->commits == commits);
    commits.push_back(make_commit(n, 100'000));
    REQUIRE(opened->drain(commits.back()));
  }
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits);
  const auto compressed = std::ranges::count_if(
      reading.found->verdicts, [](const Verdict& v) { return v.codec == base::Codec::snappy; });
  CHECK(compressed == 2);
}

TEST_CASE("log: without `create` a missing log is an error, and nothing is made") {
  LogWorld world;
  const auto opened = world.open({.create = false});
  REQUIRE(!opened);
  CHECK(opened.error().code() == ErrorCode::invalid_argument);
  CHECK(world.storage.tree().empty());
  CHECK(world.read().state->chain.empty());
}

TEST_CASE("log: L7, unknown names are left alone, unfinished creations are removed") {
  LogWorld world;
  fill(world, 1);
  const std::vector<std::byte> junk(100, std::byte{7});
  for (const char* name : {"readme", "00", "1x", "-1", "3.damaged", "99999999999999999999999"}) {
    world.storage.plant("db/wal/" + std::string(name), junk);
  }
  world.storage.plant("db/wal/1.new", junk);
  world.storage.plant("db/wal/8.new", junk);
  const auto opened = world.open();
  REQUIRE_MESSAGE(opened, opened.error().to_string());
  CHECK(opened->found->commits.size() == 1);
  CHECK(world.storage.exists("db/wal/readme"));
  CHECK(world.storage.exists("db/wal/3.damaged"));
  CHECK_FALSE(world.storage.exists("db/wal/1.new"));
  CHECK_FALSE(world.storage.exists("db/wal/8.new"));
}

TEST_CASE("log: F2, F6, any error during an open is reported, and the next open finds everything") {
  for (const bool direct : {true, false}) {
    for (const int error : {EIO, ENOSPC, EROFS}) {
      std::uint64_t failures = 0;
      for (std::uint64_t skip = 0;; ++skip) {
        LogWorld world(1, direct ? support::SimStorageOptions() : buffered());
        const auto commits = fill(world, 2);
        const auto rule = world.storage.faults().add({.error = error, .skip = skip});
        const auto failed = world.open();
        if (world.storage.faults().hits(rule) == 0) break;
        failures += failed ? 0 : 1;
        world.storage.faults().clear();
        const auto again = world.open();
        REQUIRE_MESSAGE(again, again.error().to_string());
        CHECK(again->found->commits == commits);
      }
      CHECK(failures > 20);
    }
  }
}

TEST_CASE("log: E1, E4, on a full disk opening fails with no_space, reading works") {
  LogWorld world;
  const auto commits = fill(world, 2);
  world.storage.options().capacity_bytes = world.storage.used_bytes();
  const auto opened = world.open();
  REQUIRE(!opened);
  CHECK(opened.error().code() == ErrorCode::no_space);
  CHECK(world.read().found->commits == commits);
  world.storage.options().capacity_bytes = UINT64_MAX;
  CHECK(world.open()->found->commits == commits);
}

TEST_CASE("log: F1, a read error is never taken for the end of the log") {
  for (std::uint64_t skip = 0; skip < 4; ++skip) {
    LogWorld world;
    fill(world, 2);
    world.storage.faults().add({.on = Op::read, .skip = skip});
    const auto reading = world.read();
    REQUIRE(!reading.state);
    CHECK(reading.state.error().code() == ErrorCode::io);
  }
}

TEST_CASE("log: truncate gives up what is behind the damage, for good, and keeps it aside") {
  for (const bool direct : {true, false}) {
    LogWorld world(1, direct ? support::SimStorageOptions() : buffered());
    {
      auto opened = world.open();
      REQUIRE(opened);
      for (std::uint64_t n = 0; n < 4; ++n) REQUIRE(opened->drain(make_commit(n)));
    }
    const std::uint64_t third = kFirstFrameOffset + 2 * kBlockBytes;
    world.storage.flip_bit(slot_path(0), third * 8 + 800);
    CHECK(world.open().error().code() == ErrorCode::corruption);
    base::Sequence next;
    {
      auto opened = world.open({.recovery = RecoveryMode::truncate});
      REQUIRE_MESSAGE(opened, opened.error().to_string());
      CHECK(opened->found->commits == std::vector{make_commit(0), make_commit(1)});
      CHECK(opened->log.recovered.damage);
      CHECK(opened->log.recovered.dropped_bytes == 2 * kBlockBytes);
      next = opened->log.writer->next();
      REQUIRE(opened->drain(make_commit(9)));
    }
    // Sequences that were given up are not given again: 1, 2+3, 4+5+6, 7 were used.
    CHECK(next == base::Sequence{8});
    const auto again = world.open();
    REQUIRE_MESSAGE(again, again.error().to_string());
    CHECK(again->found->commits == std::vector{make_commit(0), make_commit(1), make_commit(9)});
    CHECK(world.storage.exists("db/wal/0.damaged") == !direct);
  }
}

TEST_CASE("log: killed at any call of a truncating open, what is given up is never removed") {
  LogWorld world;
  const auto commits = fill(world, 2);
  world.storage.flip_bit(slot_path(0), (kFirstFrameOffset + 100) * 8);
  for (std::uint64_t call = 0;; ++call) {
    CAPTURE(call);
    LogWorld killed(world.storage.snapshot(), 1);
    const auto end = killed.storage.faults().add(
        {.on = Op::any, .skip = call, .times = support::kAlways, .residue = support::Residue::all});
    static_cast<void>(killed.open({.recovery = RecoveryMode::truncate}));
    const bool was_hit = killed.storage.faults().hits(end) != 0;
    killed.storage.faults().clear();
    killed.storage.kill();
    const auto opened = killed.open({.recovery = RecoveryMode::truncate});
    REQUIRE_MESSAGE(opened, opened.error().to_string());
    CHECK(opened->found->commits.size() < commits.size());
    CHECK(killed.storage.exists(slot_path(1)) + killed.storage.exists(slot_path(1) + ".damaged") ==
          1);
    CHECK(killed.open());
    if (!was_hit) break;
  }
}
