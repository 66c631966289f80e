// The page file on the kernel's own file systems, by plain calls and through a ring: what the
// simulation promises, the disk keeps. tests/io/file_systems.py runs this on one file system after
// the other.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "page/disk_bench.h"
#include "page/page_reader.h"
#include "support/rng.h"

namespace siltstone::page {
namespace {

// Reads that run at the same time throw what lies in gaps into the same memory. Nobody looks at it,
// but that is nothing ThreadSanitizer could know.
ReaderOptions reader_options() {
#ifdef __SANITIZE_THREAD__
  return {.max_gap_bytes = 0};
#else
  return {};
#endif
}

}  // namespace
TEST_CASE_TEMPLATE("page file on disk: written, committed, opened, read", On, Plain, Rings) {
  DiskBench<On> bench;
  const PageStats before = bench.file->stats();
  const Extent extent = bench.write(64, 5);
  CHECK(bench.file->stats().writes - before.writes == 1);
  CHECK(bench.file->stats().vectored - before.vectored == 1);
  bench.commit("two", {.added = {extent}});
  CHECK(bench.open() == "two");
  CHECK(bench.holds(extent, 64, 5));
  const auto verified = verify(bench.file->file(), *bench.channel).value();
  CHECK(verified.damage.empty());
  CHECK(!verified.error);
}

TEST_CASE_TEMPLATE("page file on disk: a new one takes at most 1 MiB", On, Plain, Rings) {
  DiskBench<On> bench;
  CHECK(bench.file->file().info().value().size_bytes == kCreatedBytes);
  CHECK(bench.disk_bytes() <= kCreatedBytes + (64 << 10));
}

TEST_CASE_TEMPLATE("page file on disk: freed extents go back, come again, and harm nobody", On,
                   Plain, Rings) {
  DiskBench<On> bench;
  const Extent big = bench.write(12 * 256, 1);
  const Extent wall = bench.write(16, 2);
  bench.commit("two", {.added = {big, wall}});
  bench.commit("three", {.freed = {big}});
  bench.commit("four", {});
  const std::uint64_t before = bench.disk_bytes();
  bench.clock.advance(std::chrono::seconds(61));
  while (bench.file->give_back().value()) {
  }
  // Not every file system can punch; those that can give most of it back.
  if (bench.file->usage().unbacked > 0) CHECK(bench.disk_bytes() + (8 << 20) < before);
  CHECK(bench.holds(wall, 16, 2));
  const Extent again = bench.write(10 * 256, 3);
  bench.commit("five", {.added = {again}});
  CHECK(bench.open() == "five");
  CHECK(bench.holds(again, 10 * 256, 3));
  CHECK(bench.holds(wall, 16, 2));
}

TEST_CASE_TEMPLATE("page file on disk: many commits, frees and reopens lose nothing", On, Plain,
                   Rings) {
  DiskBench<On> bench;
  support::Rng rng(7);
  struct Piece {
    Extent extent;
    std::uint64_t tag;
  };
  std::vector<Piece> pieces;
  for (std::uint64_t round = 1; round <= 40; ++round) {
    Edit edit;
    while (pieces.size() > 6) {
      const auto victim = pieces.begin() + static_cast<std::ptrdiff_t>(rng.below(pieces.size()));
      edit.freed.push_back(victim->extent);
      pieces.erase(victim);
    }
    for (std::uint64_t i = rng.below(3) + 1; i > 0; --i) {
      const auto pages = static_cast<std::uint32_t>(16 * (1 + rng.below(20)));
      pieces.push_back({bench.write(pages, round), round});
      edit.added.push_back(pieces.back().extent);
    }
    bench.commit(std::to_string(round), std::move(edit));
    if (round % 5 == 0) CHECK(bench.open() == std::to_string(round));
  }
  for (const Piece& piece : pieces) CHECK(bench.holds(piece.extent, piece.extent.pages, piece.tag));
  const auto verified = verify(bench.file->file(), *bench.channel).value();
  CHECK(verified.damage.empty());
  CHECK(!verified.error);
}

TEST_CASE_TEMPLATE("batch_read_keeps_key_order: on disk, with duplicates, gaps and overlaps", On,
                   Plain, Rings) {
  DiskBench<On> bench;
  constexpr std::uint32_t kPages = 512;
  const Extent extent = bench.write(kPages, 9);
  auto reader =
      PageReader::make(bench.file->file(), *bench.channel, bench.file->meter(), reader_options())
          .value();
  support::Rng rng(11);
  const auto memory = base::AlignedBuffer::allocate(64 * 4 * kPageBytes).value();
  std::vector<ReadRange> ranges;
  for (std::size_t i = 0; i < 64; ++i) {
    const auto first = static_cast<std::uint32_t>(rng.below(kPages - 4));
    const std::size_t pages = 1 + rng.below(4);
    ranges.push_back(
        {extent.first + first, memory.bytes().subspan(i * 4 * kPageBytes, pages * kPageBytes)});
  }
  const auto results = reader->read(ranges);
  REQUIRE(results.size() == ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    REQUIRE(results[i]);
    CHECK(std::ranges::equal(ranges[i].out,
                             make_pages(ranges[i].first, ranges[i].out.size() / kPageBytes, 9)));
  }
}

TEST_CASE_TEMPLATE("page file on disk: F5 one that is removed goes on, and is missed afterwards",
                   On, Plain, Rings) {
  DiskBench<On> bench;
  const Extent extent = bench.write(16, 1);
  REQUIRE(bench.directory->remove("pages"));
  bench.commit("two", {.added = {extent}});
  CHECK(bench.holds(extent, 16, 1));
  bench.file.reset();
  const auto opened = PageFile::open(*bench.directory, "pages", *bench.channel, bench.clock);
  REQUIRE(!opened);
  CHECK(io::is_not_found(opened.error()));
}

}  // namespace siltstone::page
