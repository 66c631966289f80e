// Commits that fail, at each of their steps: what is tainted, what is kept, what a power cut
// brings.
#include "page/commit.h"

#include <algorithm>
#include <set>
#include <string>

#include "page/bench.h"

namespace siltstone::page {
namespace {

using base::Generation;
using support::Keep;
using support::Op;

// A store with one committed extent, tag 1, as generation 3.
struct CommitBench : Bench {
  CommitBench() {
    create("one");
    extent = write_extent(16, 1);
    REQUIRE(commit("two", {.added = {extent}}) == Generation(3));
  }
  /// What power cuts of all kinds leave, as payloads; every one must open.
  std::set<std::string> after_power_cuts() {
    std::set<std::string> payloads;
    const support::Disk disk = storage.snapshot();
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      CAPTURE(seed);
      Bench after(disk.crashed(support::Crash::from_seed(seed)), seed);
      payloads.insert(after.open());
    }
    return payloads;
  }

  Extent extent;
};

using Payloads = std::set<std::string>;

}  // namespace

TEST_CASE("commit: it goes on by itself when polled, and one is under way at a time") {
  CommitBench bench;
  auto commit = Commit::begin(*bench.file, *bench.channel, {}, bytes_of("three")).value();
  const auto second = Commit::begin(*bench.file, *bench.channel, {}, bytes_of("x"));
  REQUIRE(!second);
  CHECK(second.error().code() == ErrorCode::busy);
  for (int i = 0; i < 1000 && !commit->poll(); ++i) {
  }
  REQUIRE(commit->done());
  CHECK(commit->outcome() == Generation(4));
  commit.reset();
  CHECK(bench.open() == "three");
}

TEST_CASE("commit: one that is dropped half-way is waited for") {
  CommitBench bench;
  {
    auto commit = Commit::begin(*bench.file, *bench.channel, {}, bytes_of("three")).value();
    commit->poll();
  }
  CHECK(bench.commit("four"));
  CHECK(bench.open() == "four");
}

TEST_CASE("commit: extents that are not ours to add or free are refused") {
  CommitBench bench;
  const Extent fresh = bench.write_extent(16, 2);
  const std::vector<Edit> bad = {
      {.added = {bench.extent}},                               // in use already
      {.added = {{fresh.first, 32}}},                          // not as it was given out
      {.added = {fresh, fresh}},                               // twice
      {.freed = {fresh}},                                      // not in use
      {.freed = {bench.extent, bench.extent}},                 // twice
      {.freed = {bench.file->superblock().catalog_extent()}},  // the catalog's own
  };
  for (const Edit& edit : bad) {
    const auto refused = bench.commit("bad", edit);
    REQUIRE(!refused);
    CHECK(refused.error().code() == ErrorCode::invalid_argument);
  }
  CHECK(bench.commit("good", {.added = {fresh}, .freed = {bench.extent}}));
  CHECK(bench.open() == "good");
}

TEST_CASE("D3: a failed data sync leaves no trace, taints what it covered, and is not repeated") {
  CommitBench bench;
  const Extent mine = bench.write_extent(16, 2);
  const Extent of_another_job = bench.write_extent(16, 3);
  bench.fail({.on = Op::sync, .path = "*/pages"});
  const auto failed = bench.commit("three", {.added = {mine}});
  REQUIRE(!failed);
  CHECK(bench.known);
  CHECK(bench.file->is_tainted(mine));
  CHECK(bench.file->is_tainted(of_another_job));
  CHECK(!bench.file->is_tainted(bench.extent));
  CHECK(bench.after_power_cuts() == Payloads{"two"});

  // The next sync would say 0: it is not believed.
  const auto again = bench.commit("three", {.added = {mine}});
  REQUIRE(!again);
  CHECK(again.error().code() == ErrorCode::io);
  CHECK(bench.known);

  // Written elsewhere it is fine.
  const Extent elsewhere = bench.write_extent(16, 2);
  bench.file->release(mine);
  bench.file->release(of_another_job);
  REQUIRE(bench.commit("three", {.added = {elsewhere}}));
  CHECK(bench.after_power_cuts() == Payloads{"three"});
  CHECK(bench.holds(elsewhere, 2));
}

TEST_CASE("E9: space that only the sync finds missing taints as any failed sync does") {
  CommitBench bench;
  const Extent mine = bench.write_extent(16, 2);
  bench.fail({.on = Op::sync, .path = "*/pages", .error = ENOSPC});
  const auto failed = bench.commit("three", {.added = {mine}});
  REQUIRE(!failed);
  CHECK(failed.error().code() == ErrorCode::no_space);
  CHECK(bench.known);
  CHECK(bench.file->is_tainted(mine));
  CHECK(bench.after_power_cuts() == Payloads{"two"});
}

TEST_CASE("D8: a failed write fails the commit of its extent although the sync returns 0") {
  CommitBench bench;
  const Extent extent = bench.file->allocate(16, Claim::reserved).value();
  auto writer = ExtentWriter::make(*bench.file, *bench.channel).value();
  bench.fail({.on = Op::write, .path = "*/pages"});
  REQUIRE(writer->write(extent.first, make_pages(extent.first, 1, 9)));
  REQUIRE(!writer->flush());
  CHECK(bench.commit("three", {.added = {extent}}).error().code() == ErrorCode::io);
  CHECK(bench.commit("without"));  // nobody else is harmed
}

TEST_CASE("commit: an extent that is still being written is not committed") {
  CommitBench bench;
  const Extent extent = bench.file->allocate(16, Claim::reserved).value();
  (void)bench.file->ledger().write_started(extent.first, 1);
  const auto refused = bench.commit("three", {.added = {extent}});
  REQUIRE(!refused);
  CHECK(refused.error().code() == ErrorCode::corruption);  // a broken invariant of ours
  CHECK(bench.after_power_cuts() == Payloads{"two"});
  bench.file->ledger().write_ended(extent, WriteOutcome::done);
}

TEST_CASE("D4: after a failed superblock sync the outcome is unknown and nothing is freed") {
  CommitBench bench;
  const Extent fresh = bench.write_extent(16, 2);
  bench.fail({.on = Op::sync, .path = "*/pages", .skip = 1, .residue = support::Residue::some});
  const auto failed = bench.commit("three", {.added = {fresh}, .freed = {bench.extent}});
  REQUIRE(!failed);
  CHECK(!bench.known);
  CHECK(bench.file->superblock().generation == Generation(3));
  const Payloads seen = bench.after_power_cuts();
  CHECK(std::ranges::includes(Payloads{"three", "two"}, seen));

  // What either state has stays as it is, however much is written meanwhile.
  bench.file->release(fresh);
  for (int i = 0; i < 30; ++i) bench.write_extent(16, 70);
  const support::Disk disk = bench.storage.snapshot();
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Bench after(disk.crashed(support::Crash::from_seed(seed)), seed);
    const bool newer = after.open() == "three";
    CHECK(after.holds(newer ? fresh : bench.extent, newer ? 2 : 1));
  }
}

TEST_CASE("D4: the next generation goes into the same slot, never over the last durable one") {
  CommitBench bench;  // generation 3, in slot A
  for (int i = 0; i < 3; ++i) {
    bench.fail({.on = Op::sync, .path = "*/pages", .skip = 1});
    REQUIRE(!bench.commit("in doubt"));
    CHECK(!bench.known);
    const auto copies = read_superblocks(bench.file->file(), *bench.channel).value();
    CHECK(copies[0].superblock.generation == Generation(3));
    CHECK(copies[1].superblock.generation == Generation(3));
  }
  REQUIRE(bench.commit("four") == Generation(7));
  const auto copies = read_superblocks(bench.file->file(), *bench.channel).value();
  CHECK(copies[0].superblock.generation == Generation(3));
  CHECK(copies[2].superblock.generation == Generation(7));
  CHECK(bench.after_power_cuts() == Payloads{"four"});
}

TEST_CASE(
    "D4: what generations in doubt had comes back once one is durable, and another after it") {
  CommitBench bench;
  const std::uint32_t live = bench.file->usage().live;
  const Extent fresh = bench.write_extent(16, 2);
  bench.fail({.on = Op::sync, .path = "*/pages", .skip = 1});
  REQUIRE(!bench.commit("in doubt", {.added = {fresh}}));
  bench.file->release(fresh);
  CHECK(bench.file->ledger().map().is_live(fresh));
  REQUIRE(bench.commit("four"));
  CHECK(bench.file->usage().live == live);
  CHECK(bench.file->usage().pending > 2 * kUnitPages);
  REQUIRE(bench.commit("five"));
  REQUIRE(bench.commit("six"));
  CHECK(bench.file->usage().live == live);
  CHECK(bench.file->usage().pending == kUnitPages);  // the catalog before
  CHECK(bench.file->ledger().map().is_consistent());
}

TEST_CASE("D4: an edit in doubt can be committed again") {
  CommitBench bench;
  const Extent fresh = bench.write_extent(16, 2);
  bench.fail({.on = Op::sync, .path = "*/pages", .skip = 1});
  REQUIRE(!bench.commit("three", {.added = {fresh}, .freed = {bench.extent}}));
  REQUIRE(bench.commit("three again", {.added = {fresh}, .freed = {bench.extent}}));
  CHECK(bench.open() == "three again");
  CHECK(bench.holds(fresh, 2));
}

TEST_CASE("commit: a failed superblock write leaves the outcome unknown too") {
  CommitBench bench;
  bench.fail({.on = Op::write,
              .path = "*/pages",
              .end = 4 * kPageBytes,
              .residue = support::Residue::some});
  REQUIRE(!bench.commit("three"));
  CHECK(!bench.known);
  CHECK(std::ranges::includes(Payloads{"three", "two"}, bench.after_power_cuts()));
  REQUIRE(bench.commit("four"));
  CHECK(bench.after_power_cuts() == Payloads{"four"});
}

TEST_CASE("B5: a lost catalog write is corruption at the next open, not the older state") {
  CommitBench bench;
  bench.fail({.on = Op::write,
              .path = "*/pages",
              .effect = support::Effect::lose,
              .begin = kHeaderPages * kPageBytes});
  REQUIRE(bench.commit("three"));
  CHECK(bench.try_open().error().code() == ErrorCode::corruption);
}

TEST_CASE("B4: a misdirected superblock write is never opened as something else") {
  for (std::uint64_t seed = 1; seed < 40; ++seed) {
    CAPTURE(seed);
    Bench bench(seed);
    bench.create("one");
    bench.fail({.on = Op::write,
                .path = "*/pages",
                .effect = support::Effect::misdirect,
                .end = 4 * kPageBytes});
    REQUIRE(bench.commit("two"));
    // The disk has lied: the generation is not there. What is there is whole, or refused.
    const auto opened = bench.try_open();
    if (opened) {
      CHECK(text_of((*opened)->catalog.catalog.payload) == "one");
    } else {
      CHECK(opened.error().code() == ErrorCode::corruption);
    }
  }
}

TEST_CASE("F4: on a file system turned read-only commits fail and reads go on") {
  CommitBench bench;
  bench.storage.set_read_only(true);
  const auto failed = bench.commit("three");
  REQUIRE(!failed);
  CHECK(failed.error().code() == ErrorCode::read_only);
  CHECK(bench.holds(bench.extent, 1));
  bench.file.reset();
  CHECK(bench.try_open({.read_only = true}).value().has_value());
}

TEST_CASE("commit: many generations leave nothing behind") {
  CommitBench bench;
  const std::uint32_t size = bench.file->usage().file;
  std::vector<Extent> live = {bench.extent};
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Extent extent = bench.write_extent(16, 100 + i);
    Edit edit{.added = {extent}};
    live.push_back(extent);
    if (live.size() > 3) {
      edit.freed = {live.front()};
      live.erase(live.begin());
    }
    REQUIRE(bench.commit(std::to_string(i), edit));
    if (i % 50 == 49) CHECK(bench.open() == std::to_string(i));
  }
  CHECK(bench.file->usage().file <= size + 256);
  CHECK(bench.file->usage().live == (3 + 1) * kUnitPages);
  CHECK(bench.file->ledger().map().is_consistent());
}

TEST_CASE("stats_are_exact: a commit is two writes and two syncs") {
  CommitBench bench;
  const PageStats before = bench.file->stats();
  REQUIRE(bench.commit("three"));
  const PageStats after = bench.file->stats();
  CHECK(after.writes - before.writes == 2);
  CHECK(after.syncs - before.syncs == 2);
  CHECK(after.bytes_written - before.bytes_written == 3 * kPageBytes);
  CHECK(after.sync_latency.count() - before.sync_latency.count() == 2);
  CHECK(after.depth() == 0);
}

}  // namespace siltstone::page
