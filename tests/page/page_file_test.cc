// The page file as a whole: creating, opening, growing, shrinking, verifying; full and bad disks.
#include "page/page_file.h"

#include <algorithm>
#include <array>

#include "page/bench.h"

namespace siltstone::page {
namespace {

using base::Generation;
using base::PageNumber;
using std::chrono::seconds;
using support::Op;

constexpr std::uint32_t kMiB = 256;  // in pages

Verification verified(Bench& bench) {
  const auto result = verify(bench.file->file(), *bench.channel);
  REQUIRE(result);
  return *result;
}

// A store with a few generations behind it, closed. Returns an extent in use, written with tag 5.
Extent used_store(Bench& bench) {
  bench.create("one");
  const Extent extent = bench.write_extent(20, 5);
  REQUIRE(bench.commit("two", {.added = {extent}}));
  REQUIRE(bench.commit("three"));
  bench.file.reset();
  return extent;
}

}  // namespace

TEST_CASE("page file: created, then opened with what was committed") {
  Bench bench;
  bench.create("one");
  CHECK(bench.open() == "one");
  CHECK(bench.file->superblock().generation == kCreatedGeneration);
  const Extent extent = bench.write_extent(20, 5);
  REQUIRE(bench.commit("two", {.added = {extent}}) == Generation(3));
  CHECK(bench.open() == "two");
  CHECK(bench.holds(extent, 5));
  CHECK(bench.damage.empty());
  CHECK(bench.file->superblock().hash_seed == 42);
  CHECK(verified(bench).damage.empty());
}

TEST_CASE("page file: a new one takes 1 MiB") {
  Bench bench;
  bench.create();
  CHECK(bench.storage.used_bytes() <= kCreatedBytes);
  CHECK(bench.file->usage().backed * kPageBytes >= kMinReserveBytes);
}

TEST_CASE("page file: creation never overwrites a store") {
  Bench bench;
  used_store(bench);
  const auto again = PageFile::create(*bench.directory, "pages", *bench.channel,
                                      bench.storage.clock(), Identity{}, bytes_of("new"));
  REQUIRE(!again);
  CHECK(again.error().code() == ErrorCode::invalid_argument);
  CHECK(bench.open() == "three");
}

TEST_CASE("F7: a missing file and one that cannot be opened are told apart") {
  Bench bench;
  CHECK(io::is_not_found(bench.try_open().error()));
  used_store(bench);
  bench.fail({.on = Op::open, .path = "*/pages", .error = EACCES});
  const auto opened = bench.try_open();
  REQUIRE(!opened);
  CHECK(!io::is_not_found(opened.error()));
}

TEST_CASE("A8: a creation cut at any point is gone or whole, and can be done again") {
  for (std::uint64_t cut = 1;; ++cut) {
    CAPTURE(cut);
    Bench bench(cut);
    bench.storage.cut_power_at_mutation(bench.storage.mutations() + cut);
    const auto created = PageFile::create(*bench.directory, "pages", *bench.channel,
                                          bench.storage.clock(), Identity{}, bytes_of("one"));
    if (created) break;
    const support::Disk disk = bench.storage.snapshot();
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      CAPTURE(seed);
      Bench after(disk.crashed(support::Crash::from_seed(seed)), seed);
      const auto opened = after.try_open();
      if (opened && *opened) {
        CHECK(text_of((*opened)->catalog.catalog.payload) == "one");
      } else {
        CHECK((opened || io::is_not_found(opened.error())));
        after.create("two");
        CHECK(after.open() == "two");
      }
    }
    REQUIRE(cut < 100);
  }
}

TEST_CASE("C3: every single flip in superblocks and catalogs is corrected, named, or an error") {
  Bench bench;
  const Extent extent = used_store(bench);
  const support::Disk disk = bench.storage.snapshot();
  Bench reference(disk, 1);
  reference.open();
  const Superblock newest = reference.file->superblock();

  const auto check_flip = [&](std::uint64_t byte, unsigned bit, bool in_newest_catalog) {
    CAPTURE(byte);
    CAPTURE(bit);
    Bench flipped(disk, 1);
    flipped.storage.flip_bit(kFile, 8 * byte + bit);
    {
      const auto raw = flipped.directory->open("pages", {.direct = true}).value();
      const Verification found = verify(*raw, *flipped.channel).value();
      CHECK(found.damage.size() == 1);
      CHECK(found.damage.front().page.value() == byte / kPageBytes);
      CHECK(found.error.has_value() == in_newest_catalog);
    }
    const auto opened = flipped.try_open();
    if (in_newest_catalog) {
      REQUIRE(!opened);
      CHECK(opened.error().code() == ErrorCode::corruption);
      CHECK(opened.error().offset() / kPageBytes == byte / kPageBytes);
      return;
    }
    REQUIRE(opened);
    REQUIRE(*opened);
    CHECK(text_of((*opened)->catalog.catalog.payload) == "three");
    CHECK((*opened)->damage.size() == 1);
    CHECK((*opened)->catalog.catalog.extents == std::vector{extent});
  };
  for (std::uint64_t page = 0; page < 2 * kCopies; ++page) {
    for (std::uint64_t byte = 0; byte < kSuperblockBytes; ++byte) {
      for (unsigned bit = 0; bit < 8; ++bit) check_flip(page * kPageBytes + byte, bit, false);
    }
  }
  const std::uint64_t catalog = byte_offset(newest.catalog_page);
  for (std::uint64_t byte = 0; byte < newest.catalog_bytes; ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) check_flip(catalog + byte, bit, true);
  }
}

TEST_CASE("page file: a writer repairs the weak copy, so that the next flip does no harm") {
  Bench bench;
  used_store(bench);  // generation 4, in slot B
  bench.storage.flip_bit(kFile, 8 * 3 * kPageBytes + 900);
  CHECK(bench.open() == "three");
  CHECK(bench.damage.size() == 1);
  CHECK(bench.open() == "three");
  CHECK(bench.damage.empty());
  bench.storage.flip_bit(kFile, 8 * 2 * kPageBytes + 900);
  CHECK(bench.open() == "three");
}

TEST_CASE("page file: reading only repairs nothing and writes nothing") {
  Bench bench;
  used_store(bench);
  bench.storage.flip_bit(kFile, 8 * 3 * kPageBytes + 900);
  const std::uint64_t before = bench.storage.mutations();
  for (int i = 0; i < 2; ++i) {
    const auto opened = bench.try_open({.read_only = true});
    REQUIRE(opened);
    REQUIRE(*opened);
    CHECK((*opened)->damage.size() == 1);
  }
  CHECK(bench.storage.mutations() == before);
}

TEST_CASE("C3: two flips in one slot are corruption, also when the other slot is whole") {
  for (const std::uint64_t slot : {0U, 1U}) {
    Bench bench;
    used_store(bench);
    for (const std::uint64_t copy : {0U, 1U}) {
      bench.storage.flip_bit(kFile, 8 * ((2 * slot + copy) * kPageBytes + 60));
    }
    const auto opened = bench.try_open();
    REQUIRE(!opened);
    CHECK(opened.error().code() == ErrorCode::corruption);
    const auto raw = bench.directory->open("pages", {}).value();
    const Verification found = verify(*raw, *bench.channel).value();
    CHECK(found.damage.size() == 2);
    CHECK(found.error.has_value());
  }
}

TEST_CASE("C10: verify names a damaged catalog of the older generation too") {
  Bench bench;
  used_store(bench);  // slot A: generation 3, "two"
  const auto raw = bench.directory->open("pages", {}).value();
  const Superblock older =
      judge(read_superblocks(*raw, *bench.channel).value(), "p").value()->older;
  bench.storage.flip_bit(kFile, 8 * (byte_offset(older.catalog_page) + 70));
  const Verification found = verify(*raw, *bench.channel).value();
  REQUIRE(found.damage.size() == 1);
  CHECK(found.damage[0].page == older.catalog_page);
  CHECK(found.damage[0].what ==
        "catalog of generation 3: the checksum of the catalog does not match");
  CHECK(!found.error);
  CHECK(bench.open() == "three");
}

TEST_CASE("C8: a zeroed superblock slot of a used store is corruption") {
  Bench bench;
  used_store(bench);
  bench.storage.corrupt(kFile, 2 * kPageBytes, std::vector<std::byte>(2 * kPageBytes));
  CHECK(bench.try_open().error().code() == ErrorCode::corruption);
}

TEST_CASE("page file: a file cut short is corruption, not an older state") {
  Bench bench;
  const Extent extent = used_store(bench);
  {
    const auto raw = bench.directory->open("pages", {.access = io::Access::read_write}).value();
    REQUIRE(raw->resize(byte_offset(extent.end()) - kPageBytes));
    const Verification found = verify(*raw, *bench.channel).value();
    CHECK(found.error.has_value());
    CHECK(!found.damage.empty());
  }
  const auto opened = bench.try_open();
  REQUIRE(!opened);
  CHECK(opened.error().code() == ErrorCode::corruption);
  CHECK(opened.error().message() == "the page file is shorter than its superblock says");
  CHECK(opened.error().has_mismatch());
}

TEST_CASE("F1: an unreadable superblock page costs one copy, an unreadable slot the store") {
  Bench bench;
  used_store(bench);
  bench.fail({.on = Op::read,
              .path = "*/pages",
              .times = support::kAlways,
              .begin = 2 * kPageBytes,
              .end = 3 * kPageBytes});
  {
    const auto opened = bench.try_open({.read_only = true});
    REQUIRE(opened);
    CHECK((*opened)->damage.front().what == "superblock B, copy 0: unreadable");
  }
  bench.fail({.on = Op::read,
              .path = "*/pages",
              .times = support::kAlways,
              .begin = 3 * kPageBytes,
              .end = 4 * kPageBytes});
  CHECK(bench.try_open().error().code() == ErrorCode::io);
}

TEST_CASE("F2: a failed sync at open fails the open and changes nothing") {
  Bench bench;
  used_store(bench);
  bench.fail({.on = Op::sync, .path = "*/pages"});
  CHECK(bench.try_open().error().code() == ErrorCode::io);
  CHECK(bench.open() == "three");
}

TEST_CASE(
    "D2: what only the page cache has of a superblock is written again before it is believed") {
  support::SimStorageOptions options;
  options.direct_io = false;
  Bench bench(1, options);
  bench.create("one");
  bench.fail({.on = Op::sync, .path = "*/pages", .skip = 1});
  REQUIRE(!bench.commit("two"));
  // The process opens again in the same boot: the cache shows the new generation, marked clean.
  CHECK(bench.open() == "two");
  CHECK(bench.crash_and_open({.keep = support::Keep::synced}) == "two");
}

TEST_CASE("page file: what nobody committed is free after a reopen") {
  Bench bench;
  bench.create("one");
  const Extent lost = bench.write_extent(100, 5);
  CHECK(bench.open() == "one");
  CHECK(!bench.file->ledger().map().is_live(lost));
  CHECK(bench.file->usage().live == kUnitPages);     // the catalog
  CHECK(bench.file->usage().pending == kUnitPages);  // and that of generation 1
  CHECK(bench.file->ledger().map().is_consistent());
}

TEST_CASE("page file: an extent freed by g is written again only after g + 1") {
  Bench bench;
  bench.create("one");
  const Extent extent = bench.write_extent(16, 5);
  REQUIRE(bench.commit("two", {.added = {extent}}));
  REQUIRE(bench.commit("three", {.freed = {extent}}));
  CHECK(!bench.file->ledger().map().is_live(extent));
  const auto overlaps = [&](const Extent& other) {
    return other.first < extent.end() && extent.first < other.end();
  };
  for (int i = 0; i < 40; ++i) {
    CHECK(!overlaps(bench.file->allocate(16, Claim::reserved).value()));
  }
  CHECK(bench.holds(extent, 5));
  REQUIRE(bench.commit("four"));
  CHECK(overlaps(bench.file->allocate(16, Claim::reserved).value()));
}

TEST_CASE("page file: what an older version needs is not reused") {
  Bench bench;
  bench.create("one");
  const Extent extent = bench.write_extent(16, 5);
  const Generation with = bench.commit("two", {.added = {extent}}).value();
  bench.file->set_oldest_needed(with);
  REQUIRE(bench.commit("three", {.freed = {extent}}));
  for (int i = 0; i < 5; ++i) REQUIRE(bench.commit("more"));
  CHECK(bench.file->usage().pending > 0);
  CHECK(bench.holds(extent, 5));
  const std::uint32_t before = bench.file->usage().pending;
  bench.file->set_oldest_needed(kMaxGeneration);
  CHECK(bench.file->usage().pending < before);
}

TEST_CASE("page file: held extents of the older slot survive a reopen") {
  Bench bench;
  bench.create("one");
  const Extent extent = bench.write_extent(16, 5);
  REQUIRE(bench.commit("two", {.added = {extent}}));
  REQUIRE(bench.commit("three", {.freed = {extent}}));
  CHECK(bench.open() == "three");
  const auto pending = bench.file->ledger().map().pending();
  CHECK(std::ranges::find(pending, extent) != pending.end());
}

TEST_CASE("page file: the file grows as needed, and allocations never overlap") {
  Bench bench;
  bench.create();
  std::vector<Extent> extents;
  for (std::uint32_t i = 0; i < 100; ++i) {
    extents.push_back(bench.file->allocate(1 + 37 * i % 900, Claim::ordinary).value());
  }
  std::ranges::sort(extents);
  for (std::size_t i = 1; i < extents.size(); ++i) {
    CHECK(extents[i - 1].end() <= extents[i].first);
  }
  const auto info = bench.file->file().info().value();
  CHECK(info.size_bytes == std::uint64_t{bench.file->usage().file} * kPageBytes);
  CHECK(extents.back().end().value() <= bench.file->usage().file);
}

TEST_CASE("page file: extents of no pages or too many are refused") {
  Bench bench;
  bench.create();
  for (const std::uint32_t pages : {0U, kMaxExtentPages + 1}) {
    const auto extent = bench.file->allocate(pages, Claim::ordinary);
    REQUIRE(!extent);
    CHECK(extent.error().code() == ErrorCode::invalid_argument);
  }
}

TEST_CASE("E2 E8: a full disk refuses ordinary pages, serves the reserve, and recovers") {
  support::SimStorageOptions options;
  options.capacity_bytes = std::uint64_t{8} << 20;
  Bench bench(1, options);
  bench.create();
  std::vector<Extent> extents;
  Result<Extent> extent = bench.file->allocate(64, Claim::ordinary);
  for (; extent; extent = bench.file->allocate(64, Claim::ordinary)) extents.push_back(*extent);
  CHECK(extent.error().code() == ErrorCode::no_space);
  CHECK(extents.size() > 20);
  CHECK(bench.file->usage().backed * kPageBytes >= kMinReserveBytes);

  // The reserve still carries a flush and its commit.
  const Extent flushed = bench.write_extent(32, 8);
  REQUIRE(bench.commit("flushed", {.added = {flushed}}));
  CHECK(bench.holds(flushed, 8));

  bench.storage.options().capacity_bytes = std::uint64_t{64} << 20;
  CHECK(bench.file->allocate(64, Claim::ordinary));
}

TEST_CASE("E2: a disk that gives less than an eighth still gives what is needed") {
  support::SimStorageOptions options;
  options.capacity_bytes = std::uint64_t{1} << 20;
  Bench bench(1, options);
  bench.create();
  bench.storage.options().capacity_bytes += 512 << 10;
  CHECK(bench.file->allocate(200, Claim::ordinary));
}

TEST_CASE("E5: a quota that is used up is a full disk") {
  Bench bench;
  bench.create("one");
  const auto rule = bench.fail(
      {.on = Op::allocate, .path = "*/pages", .error = EDQUOT, .times = support::kAlways});
  Result<Extent> extent = bench.file->allocate(64, Claim::ordinary);
  while (extent) extent = bench.file->allocate(64, Claim::ordinary);
  CHECK(extent.error().code() == ErrorCode::no_space);
  CHECK(extent.error().os_error() == EDQUOT);
  bench.storage.faults().remove(rule);
  CHECK(bench.file->allocate(64, Claim::ordinary));
}

TEST_CASE("E7: without fallocate the file grows by its length") {
  support::SimStorageOptions options;
  options.can_allocate = false;
  Bench bench(1, options);
  bench.create("one");
  const Extent extent = bench.write_extent(300, 5);
  REQUIRE(bench.commit("two", {.added = {extent}}));
  CHECK(bench.open() == "two");
  CHECK(bench.holds(extent, 5));
  const Extent more = bench.write_extent(100, 6);
  CHECK(bench.holds(more, 6));
}

TEST_CASE("E3: no space for the catalog leaves the old generation, and room mends it") {
  Bench bench;
  bench.create("one");
  bench.fail({.on = Op::write, .path = "*/pages", .error = ENOSPC});
  const auto failed = bench.commit("two");
  REQUIRE(!failed);
  CHECK(failed.error().code() == ErrorCode::no_space);
  CHECK(bench.known);
  CHECK(bench.commit("three"));
  CHECK(bench.open() == "three");
}

TEST_CASE("page file: the reserve is raised step by step") {
  Bench bench;
  bench.create();
  bench.file->set_reserve(std::uint64_t{5} << 20);
  int steps = 0;
  while (bench.file->grow_reserve().value()) ++steps;
  CHECK(steps >= 4);
  CHECK(bench.file->usage().backed >= 5 * kMiB);
  CHECK(!bench.file->grow_reserve().value());
  // And it is there even when the disk is not.
  bench.storage.options().capacity_bytes = bench.storage.used_bytes();
  CHECK(!bench.file->allocate(kMiB, Claim::ordinary));
  CHECK(bench.file->allocate(4 * kMiB, Claim::reserved));
}

namespace {

// Frees 32 MiB behind which one extent keeps the file long.
Extent make_hole(Bench& bench) {
  bench.create("one");
  const Extent hole = bench.write_extent(32 * kMiB / 2, 1);
  const Extent second = bench.write_extent(32 * kMiB / 2, 2);
  const Extent wall = bench.write_extent(16, 3);
  REQUIRE(bench.commit("two", {.added = {hole, second, wall}}));
  REQUIRE(bench.commit("three", {.freed = {hole, second}}));
  REQUIRE(bench.commit("four"));
  return wall;
}

void give_back_all(Bench& bench) {
  while (bench.file->give_back().value()) {
  }
}

}  // namespace

TEST_CASE("delete_heavy_space_is_reclaimed: free extents at rest go back to the file system") {
  Bench bench;
  const Extent wall = make_hole(bench);
  const std::uint64_t before = bench.storage.used_bytes();
  give_back_all(bench);
  CHECK(bench.storage.used_bytes() == before);  // not at rest yet
  bench.storage.clock().advance(seconds(61));
  give_back_all(bench);
  CHECK(bench.storage.used_bytes() + (std::uint64_t{30} << 20) < before);
  CHECK(bench.file->usage().backed * kPageBytes >= kMinReserveBytes);
  CHECK(bench.holds(wall, 3));

  // Punched pages are backed again before use, and read back right.
  const Extent again = bench.write_extent(16 * kMiB, 9);
  REQUIRE(bench.commit("five", {.added = {again}}));
  CHECK(bench.open() == "five");
  CHECK(bench.holds(again, 9));
  CHECK(bench.holds(wall, 3));
}

TEST_CASE("I13: without punching the space is kept for reuse") {
  support::SimStorageOptions options;
  options.can_punch = false;
  Bench bench(1, options);
  make_hole(bench);
  bench.storage.clock().advance(seconds(61));
  give_back_all(bench);
  const std::uint32_t size = bench.file->usage().file;
  CHECK(bench.file->usage().unbacked == 0);
  CHECK(bench.file->allocate(30 * kMiB / 2, Claim::ordinary));
  CHECK(bench.file->usage().file == size);
}

TEST_CASE("page file: a free end at rest is cut off") {
  Bench bench;
  bench.create("one");
  const Extent keep = bench.write_extent(16, 3);
  const Extent end = bench.write_extent(32 * kMiB / 2, 1);
  REQUIRE(bench.commit("two", {.added = {keep, end}}));
  REQUIRE(bench.commit("three", {.freed = {end}}));
  REQUIRE(bench.commit("four"));
  const std::uint64_t before = bench.file->file().info().value().size_bytes;
  bench.storage.clock().advance(seconds(61));
  give_back_all(bench);
  const std::uint64_t after = bench.file->file().info().value().size_bytes;
  CHECK(after + (std::uint64_t{14} << 20) < before);
  CHECK(bench.open() == "four");
  CHECK(bench.holds(keep, 3));
  const Extent again = bench.write_extent(1000, 4);
  CHECK(bench.holds(again, 4));
}

TEST_CASE(
    "page file: holes of an earlier life are found, backed for use, and punched when at rest") {
  Bench bench;
  make_hole(bench);
  bench.storage.clock().advance(seconds(61));
  give_back_all(bench);
  const std::uint64_t used = bench.storage.used_bytes();
  CHECK(bench.open() == "four");
  CHECK(bench.file->usage().unbacked > 0);
  const Extent extent = bench.write_extent(kMiB, 7);
  CHECK(bench.holds(extent, 7));
  bench.file->release(extent);
  bench.storage.clock().advance(seconds(61));
  give_back_all(bench);
  CHECK(bench.storage.used_bytes() <= used + (std::uint64_t{1} << 20));
}

TEST_CASE("I12: without direct I/O everything works the same") {
  support::SimStorageOptions options;
  options.direct_io = false;
  Bench bench(1, options);
  const Extent extent = used_store(bench);
  CHECK(bench.open() == "three");
  CHECK(!bench.file->file().direct());
  CHECK(bench.holds(extent, 5));
}

TEST_CASE("I12: a disk with sectors of 4 KiB is served") {
  support::SimStorageOptions options;
  options.alignment_bytes = 4096;
  Bench bench(1, options);
  const Extent extent = used_store(bench);
  CHECK(bench.open() == "three");
  CHECK(bench.holds(extent, 5));
}

TEST_CASE("page file: a nasty but correct machine changes no result") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Bench bench(seed, support::SimStorageOptions::nasty(seed));
    const Extent extent = used_store(bench);
    CHECK(bench.open() == "three");
    CHECK(bench.holds(extent, 5));
    CHECK(verified(bench).damage.empty());
  }
}

}  // namespace siltstone::page
