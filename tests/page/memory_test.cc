// Without memory: what throws has changed nothing, what must not fail does not, and nothing that
// was buffered is lost.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "io/deny.h"
#include "page/disk_bench.h"
#include "page/extent_map.h"
#include "page/ledger.h"
#include "support/rng.h"
#include "support/scarce_memory.h"

namespace siltstone::page {
namespace {

using support::ScarceMemory;

/// What `call` returns when only so many allocations succeed; nothing when it threw.
template <typename Call>
auto with_memory(std::int64_t allowed, const Call& call) -> std::optional<decltype(call())> {
  const ScarceMemory scarce(allowed);
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

/// All that can be seen of a map.
struct Picture {
  explicit Picture(const ExtentMap& map)
      : live(map.live()), pending(map.pending()), free(map.free()), usage(map.usage()) {}
  bool operator==(const Picture& other) const {
    return live == other.live && pending == other.pending && free == other.free &&
           usage.live == other.usage.live && usage.backed == other.usage.backed &&
           usage.unbacked == other.usage.unbacked && usage.file == other.usage.file;
  }

  std::vector<Extent> live, pending, free;
  Usage usage;
};

Extent any_of(const std::vector<Extent>& extents, support::Rng& rng) {
  return extents[rng.below(extents.size())];
}

/// One random change of the map, with so many allocations; false when there were too few.
bool change(ExtentMap& map, support::Rng& rng, std::int64_t allowed, io::Time now) {
  const auto live = map.live();
  const auto free = map.free();
  const std::uint64_t what = rng.below(5);
  const auto pages = static_cast<std::uint32_t>(16 * (1 + rng.below(12)));
  const auto apply = [&] {
    switch (what) {
      case 0: return static_cast<void>(map.allocate(pages, Claim::reserved));
      case 1: return map.release(any_of(live, rng), now);
      case 2: return static_cast<void>(map.trim(any_of(live, rng), 1, now));
      case 3: return map.punched({any_of(free, rng).first, kUnitPages}, now);
      default: return map.add({base::PageNumber(map.file_pages()), pages, true}, now);
    }
  };
  if ((what == 1 || what == 2) && live.empty()) return true;
  if (what == 3 && free.empty()) return true;
  return with_memory(allowed, [&] { return apply(), true; }).has_value();
}

/// A ledger of a small file whose newest generation, the first, has nothing but its catalog.
struct LedgerBench {
  LedgerBench() {
    state.superblocks.newest.generation = base::Generation(1);
    state.superblocks.newest.catalog_page = base::PageNumber(16);
    state.superblocks.newest.catalog_bytes = 100;
    state.file_pages = 4096;
    REQUIRE(ledger.open(state, Backing::backed, now));
  }

  Extent written() {
    const Extent extent = ledger.allocate(16, Claim::ordinary).value();
    static_cast<void>(ledger.write_started(extent.first, extent.pages));
    ledger.write_ended(extent, WriteOutcome::done);
    return extent;
  }
  /// A commit that has memory until its data are synced, and none afterwards.
  void commit(Edit edit, CommitOutcome outcome) {
    Draft draft = ledger.begin_commit(std::move(edit)).value();
    draft.catalog = written();
    ledger.end_sync(ledger.begin_sync(), true);
    Superblock superblock = ledger.durable();
    superblock.generation = draft.generation;
    superblock.catalog_page = draft.catalog.first;
    const ScarceMemory none(0);
    const bool good = ledger.check_written(draft).has_value();
    ledger.end_commit(draft, superblock, outcome, now);
    ScarceMemory::end();
    CHECK(good);
    CHECK(ledger.map().is_consistent());
  }

  io::Time now{};
  PageState state;
  Ledger ledger;
};

}  // namespace

TEST_CASE("memory: G1 a change of the extent map that lacks it did not happen") {
  support::Rng rng(3);
  ExtentMap map = ExtentMap::derive({}, 4096, Backing::backed, {}).value();
  std::map<bool, int> outcomes;
  for (int step = 0; step < 4000; ++step) {
    const Picture before(map);
    const auto now = io::Time(std::chrono::seconds(20 * step));
    const bool done = change(map, rng, static_cast<std::int64_t>(rng.below(3)), now);
    ++outcomes[done];
    REQUIRE(map.is_consistent());
    if (!done) REQUIRE(Picture(map) == before);
  }
  CHECK(outcomes[false] > 100);
  CHECK(outcomes[true] > 100);
}

TEST_CASE("memory: G1 the end of a commit needs none, however it ends") {
  LedgerBench bench;
  const Extent one = bench.written();
  const Extent two = bench.written();
  bench.commit({.added = {one, two}}, CommitOutcome::durable);
  CHECK(bench.ledger.committed() == std::vector{one, two});
  bench.commit({.freed = {one}}, CommitOutcome::abandoned);
  CHECK(bench.ledger.committed() == std::vector{one, two});

  const Extent three = bench.written();
  bench.commit({.added = {three}, .freed = {two}}, CommitOutcome::unknown);
  bench.ledger.release(three, bench.now);  // in doubt: it stays as it is
  CHECK(bench.ledger.map().is_live(three));
  bench.commit({.freed = {two}}, CommitOutcome::durable);
  bench.commit({.freed = {one}}, CommitOutcome::durable);
  bench.commit({}, CommitOutcome::durable);
  CHECK(bench.ledger.committed().empty());
  bench.commit({}, CommitOutcome::durable);
  // What is left: the catalog of the newest generation, and that of the one before it.
  CHECK(bench.ledger.usage().live == 16);
  CHECK(bench.ledger.usage().pending == 16);
}

TEST_CASE("memory: G1 a commit that lacks it leaves no trace, and one that has begun needs none") {
  DiskBench<Plain> bench;
  const Extent first = bench.write(16, 1);
  bench.commit("two", {.added = {first}});
  const Extent extent = bench.write(16, 2);
  const Usage before = bench.file->usage();
  std::unique_ptr<Commit> commit;
  std::int64_t allowed = 0;
  for (; commit == nullptr; ++allowed) {
    REQUIRE(allowed < 1000);
    Edit edit{.added = {extent}, .freed = {first}};
    auto begun = with_memory(allowed, [&] {
      return Commit::begin(*bench.file, *bench.channel, std::move(edit), bytes_of("three"));
    });
    if (begun && *begun) {
      commit = std::move(**begun);
    } else {
      if (begun) CHECK(begun->error().code() == ErrorCode::out_of_memory);
      CHECK(bench.file->usage().live == before.live);
      CHECK(bench.file->ledger().map().is_consistent());
    }
  }
  CHECK(allowed > 5);
  const ScarceMemory none(0);
  commit->wait();
  ScarceMemory::end();
  CHECK(commit->outcome());
  commit.reset();
  CHECK(bench.open() == "three");
  CHECK(bench.holds(extent, 16, 2));
}

TEST_CASE("memory: G1 flush_error_keeps_data, a writer that lacks it loses no page and no frame") {
  DiskBench<Plain> bench;
  const Extent extent = bench.file->allocate(64, Claim::ordinary).value();
  const WriterOptions options{.buffer_bytes = 32 * kPageBytes, .flush_bytes = 8 * kPageBytes};
  auto writer = ExtentWriter::make(*bench.file, *bench.channel, options).value();
  const auto pages = make_pages(extent.first, 64, 3);
  std::int64_t failures = 0;
  for (std::uint32_t i = 0; i < 64; ++i) {
    const std::uint32_t page = i * 37 % 64;
    const auto bytes = std::span(pages).subspan(page * kPageBytes, kPageBytes);
    for (std::int64_t allowed = 0;; ++allowed, ++failures) {
      REQUIRE(allowed < 1000);
      const auto written =
          with_memory(allowed, [&] { return writer->write(extent.first + page, bytes); });
      if (written && *written) break;
      // That it threw does not mean that it was not buffered; but never anything else.
      std::vector<std::byte> buffered(kPageBytes);
      if (writer->read(extent.first + page, buffered)) CHECK(std::ranges::equal(buffered, bytes));
    }
  }
  for (std::int64_t allowed = 0;; ++allowed, ++failures) {
    REQUIRE(allowed < 1000);
    const auto flushed = with_memory(allowed, [&] { return writer->flush(); });
    if (flushed && *flushed) break;
  }
  CHECK(failures > 64);
  CHECK(writer->idle());
  CHECK(writer->has_room(options.buffer_bytes));
  CHECK(bench.holds(extent, 64, 3));
}

TEST_CASE("memory: G1 flush_error_keeps_data, a failed write is buffered again without any") {
  DiskBench<Plain> bench;
  const Extent extent = bench.file->allocate(16, Claim::ordinary).value();
  auto writer = ExtentWriter::make(*bench.file, *bench.channel).value();
  REQUIRE(writer->write(extent.first, make_pages(extent.first, 16, 4)));
  bool threw = true;
  REQUIRE(io::with_denied({{SYS_pwritev, EIO}, {SYS_pwritev2, EIO}, {SYS_pwrite64, EIO}}, [&] {
    writer->start_flush();
    writer->poll();  // on its way: the result is taken without memory
    const ScarceMemory none(0);
    try {
      static_cast<void>(writer->flush());
      threw = false;
    } catch (const std::bad_alloc&) {
    }
  }));
  CHECK(writer->buffered_pages() == 16);
  REQUIRE(writer->flush());
  CHECK(writer->has_room(WriterOptions().buffer_bytes));
  CHECK(bench.holds(extent, 16, 4));
  CHECK(!threw);
}

}  // namespace siltstone::page
