// Tables in the page file: units come back from where they were put, whatever the free space looks
// like, and what a table does not need is given back.
#include "table/table_space.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/random.h"
#include "page/bench.h"
#include "support/property.h"

namespace siltstone::table {
namespace {

using page::kPageBytes;

std::vector<std::byte> unit_of(std::uint32_t sectors, std::uint64_t tag) {
  std::vector<std::byte> bytes(sectors * kSectorBytes);
  base::Random random(tag);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
  return bytes;
}

struct Put {
  SectorRange range;
  std::uint64_t tag;
};

std::vector<std::byte> read_table(page::Bench& bench, const Placement& placement) {
  const auto buffer = base::AlignedBuffer::allocate(placement.pages() * kPageBytes).value();
  std::vector<page::ReadRange> reads;
  placement.append_reads(0, buffer.bytes(), reads);
  auto reader =
      page::PageReader::make(bench.file->file(), *bench.channel, bench.file->meter()).value();
  for (const auto& result : reader->read(reads)) REQUIRE(result);
  return {buffer.bytes().begin(), buffer.bytes().end()};
}

}  // namespace

TEST_CASE("table space: a small unit never crosses a page, a large one begins with one") {
  page::Bench bench;
  bench.create();
  auto writer = page::ExtentWriter::make(*bench.file, *bench.channel).value();
  SpaceWriter space(*bench.file, *writer, page::Claim::reserved, 1 << 16);
  CHECK(space.append(unit_of(5, 1)).value() == SectorRange{0, 5});
  CHECK(space.append(unit_of(3, 2)).value() == SectorRange{5, 3});
  CHECK(space.append(unit_of(6, 3)).value() == SectorRange{8, 6});
  CHECK(space.place(3) == SectorRange{16, 3});
  CHECK(space.append(unit_of(8, 4)).value() == SectorRange{16, 8});
  CHECK(space.append(unit_of(1, 5)).value() == SectorRange{24, 1});
  CHECK(space.append(unit_of(9, 6)).value() == SectorRange{32, 9});
  CHECK(space.append(unit_of(7, 7)).value() == SectorRange{41, 7});
  CHECK(space.append(unit_of(2, 8)).value() == SectorRange{48, 2});
  const auto finished = space.finish();
  REQUIRE(finished);
  CHECK(finished->sectors == 50);
  REQUIRE(finished->extents.size() == 1);
  CHECK(finished->extents[0].pages == page::kUnitPages);
}

TEST_CASE("table space: what was put comes back, between zeros, from free space in pieces") {
  support::for_each_seed(60, [](std::uint64_t seed) {
    base::Random random(seed);
    page::Bench bench(seed);
    bench.create();
    // Every other extent is taken, so that no long one is free.
    std::vector<page::Extent> taken;
    for (int i = 0; i < 30; ++i) {
      const auto pages = static_cast<std::uint32_t>(page::kUnitPages * (1 + random.below(3)));
      taken.push_back(bench.file->allocate(pages, page::Claim::reserved).value());
    }
    for (std::size_t i = 0; i < taken.size(); i += 2) bench.file->release(taken[i]);

    auto writer = page::ExtentWriter::make(*bench.file, *bench.channel).value();
    SpaceWriter space(*bench.file, *writer, page::Claim::reserved, random.below(1 << 22));
    std::vector<Put> puts;
    const std::uint64_t count = 1 + random.below(60);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto sectors =
          static_cast<std::uint32_t>(1 + random.below(random.below(8) == 0 ? 300 : 9));
      const SectorRange expected = space.place(sectors);
      puts.push_back({space.append(unit_of(sectors, i)).value(), i});
      CHECK(puts.back().range == expected);
    }
    auto finished = space.finish();
    REQUIRE(finished);
    REQUIRE(writer->flush());
    const Placement placement(finished->extents);
    // Not a unit of pages more than it needs.
    CHECK((placement.pages() - page::kUnitPages) * kSectorsPerPage < finished->sectors);
    CHECK(finished->sectors == puts.back().range.end());

    std::vector<std::byte> expected((finished->sectors + kSectorsPerPage - 1) / kSectorsPerPage *
                                    kPageBytes);
    for (const Put& put : puts) {
      std::ranges::copy(
          unit_of(put.range.count, put.tag),
          expected.begin() + static_cast<std::ptrdiff_t>(put.range.first * kSectorBytes));
    }
    std::vector<std::byte> found = read_table(bench, placement);
    found.resize(expected.size());
    CHECK(found == expected);

    // The table's extents and the others never met.
    for (std::size_t i = 1; i < taken.size(); i += 2) {
      for (const page::Extent& extent : finished->extents) {
        CHECK((extent.end() <= taken[i].first || taken[i].end() <= extent.first));
      }
    }
  });
}

TEST_CASE("table space: a table that is not finished leaves no space behind") {
  page::Bench bench;
  bench.create();
  const auto before = bench.file->usage();
  auto writer = page::ExtentWriter::make(*bench.file, *bench.channel).value();
  {
    SpaceWriter space(*bench.file, *writer, page::Claim::reserved, 1 << 20);
    for (int i = 0; i < 40; ++i) REQUIRE(space.append(unit_of(8, 1)));
  }
  CHECK(bench.file->usage().live == before.live);
  CHECK(writer->buffered_pages() == 0);
}

TEST_CASE("table space: a place in a page of a later extent is found") {
  const Placement placement({{base::PageNumber(160), 16}, {base::PageNumber(32), 32}});
  CHECK(placement.pages() == 48);
  CHECK(placement.page_at(0) == base::PageNumber(160));
  CHECK(placement.page_at(15) == base::PageNumber(175));
  CHECK(placement.page_at(16) == base::PageNumber(32));
  CHECK(placement.page_at(47) == base::PageNumber(63));
  std::vector<std::byte> out(4 * kPageBytes);
  std::vector<page::ReadRange> reads;
  placement.append_reads(14, out, reads);
  REQUIRE(reads.size() == 2);
  CHECK(reads[0].first == base::PageNumber(174));
  CHECK(reads[0].out.size() == 2 * kPageBytes);
  CHECK(reads[1].first == base::PageNumber(32));
  CHECK(reads[1].out.size() == 2 * kPageBytes);
}

}  // namespace siltstone::table
