// Batched reads: answers in the order asked, nothing read twice, errors where they belong.
#include "page/page_reader.h"

#include <algorithm>

#include "base/random.h"
#include "page/bench.h"

namespace siltstone::page {
namespace {

using base::PageNumber;
using support::Op;

struct ReaderBench : Bench {
  explicit ReaderBench(support::SimStorageOptions options = {}) : Bench(1, options) {
    create();
    extent = write_extent(1024, 3);
    before = file->stats();
    reader = PageReader::make(file->file(), *channel, file->meter()).value();
  }

  struct Wanted {
    std::uint32_t index = 0;
    std::uint32_t pages = 1;
  };
  /// Reads these; checks each that succeeded.
  std::vector<Result<void>> read(const std::vector<Wanted>& wanted) {
    std::size_t total = 0;
    for (const Wanted& want : wanted) total += want.pages;
    const auto memory = base::AlignedBuffer::allocate(total * kPageBytes).value();
    std::vector<ReadRange> ranges;
    std::size_t at = 0;
    for (const Wanted& want : wanted) {
      const std::size_t bytes = want.pages * kPageBytes;
      ranges.push_back({extent.first + want.index, memory.bytes().subspan(at, bytes)});
      at += bytes;
    }
    auto results = reader->read(ranges);
    REQUIRE(results.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!results[i]) continue;
      CHECK(std::ranges::equal(ranges[i].out, make_pages(ranges[i].first, wanted[i].pages, 3)));
    }
    return results;
  }
  void bad_page(std::uint32_t index, std::uint64_t times = support::kAlways) {
    const std::uint64_t at = byte_offset(extent.first + index);
    fail({.on = Op::read, .path = "*/pages", .times = times, .begin = at, .end = at + kPageBytes});
  }
  std::uint64_t reads() const { return file->stats().reads - before.reads; }

  Extent extent;
  PageStats before;
  std::unique_ptr<PageReader> reader;
};

}  // namespace

TEST_CASE("batch_read_keeps_key_order: any order, duplicates and overlaps get their own bytes") {
  ReaderBench bench;
  base::Random random(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<ReaderBench::Wanted> wanted;
    for (std::uint64_t i = random.between(1, 60); i > 0; --i) {
      const auto pages = static_cast<std::uint32_t>(random.between(1, 6));
      wanted.push_back({static_cast<std::uint32_t>(random.below(1024 - pages)), pages});
    }
    for (const auto& result : bench.read(wanted)) CHECK(result);
  }
}

TEST_CASE("page reader: neighbours and near neighbours are one operation") {
  ReaderBench bench;
  SUBCASE("neighbours") {
    bench.read({{2}, {0}, {1}});
    CHECK(bench.reads() == 1);
  }
  SUBCASE("a gap of 64 KiB") {
    bench.read({{0}, {17}});
    CHECK(bench.reads() == 1);
    CHECK(bench.file->stats().bytes_read - bench.before.bytes_read == 18 * kPageBytes);
  }
  SUBCASE("a gap of 64 KiB and a page") {
    bench.read({{0}, {18}});
    CHECK(bench.reads() == 2);
  }
}

TEST_CASE("page reader: what is asked twice is read once") {
  ReaderBench bench;
  bench.read({{5}, {5}, {5, 2}, {4, 2}});
  const PageStats stats = bench.file->stats();
  CHECK(bench.reads() == 1);
  CHECK(stats.bytes_read - bench.before.bytes_read == 3 * kPageBytes);
  CHECK(stats.deduplicated == 3);
  CHECK(stats.ranges_read == 4);
}

TEST_CASE("page reader: all operations are sent before one is waited for") {
  ReaderBench bench;
  std::vector<ReaderBench::Wanted> wanted;
  for (std::uint32_t i = 0; i < 20; ++i) wanted.push_back({i * 50});
  bench.read(wanted);
  CHECK(bench.reads() == 20);
  CHECK(bench.file->stats().peak_depth == 20);
}

TEST_CASE("page reader: many pieces are cut into operations that a request can take") {
  ReaderBench bench;
  std::vector<ReaderBench::Wanted> wanted;
  for (std::uint32_t i = 0; i < 500; ++i) wanted.push_back({2 * i});
  for (const auto& result : bench.read(wanted)) CHECK(result);
  CHECK(bench.reads() >= 500 * 2 / 64);
  CHECK(bench.reads() <= 500 * 2 / 64 + 3);
}

TEST_CASE("page reader: a long range is read in parallel pieces") {
  ReaderBench bench;
  CHECK(bench.read({{0, 1024}}).front());
  CHECK(bench.reads() == 4);
}

TEST_CASE("F1: an unreadable page fails the ranges that hold it and no others") {
  ReaderBench bench;
  bench.bad_page(6);
  const auto results = bench.read({{4}, {5, 3}, {6}, {7}, {6}, {900}});
  const std::vector<bool> good = {true, false, false, true, false, true};
  for (std::size_t i = 0; i < good.size(); ++i) {
    CAPTURE(i);
    CHECK(results[i].has_value() == good[i]);
  }
  CHECK(results[1].error().code() == ErrorCode::io);
  CHECK(results[1].error().offset() == byte_offset(bench.extent.first + 6));
}

TEST_CASE("F3: an error that passes is not seen by anybody") {
  ReaderBench bench;
  bench.bad_page(6, 1);
  for (const auto& result : bench.read({{4}, {6}, {7}})) CHECK(result);
}

TEST_CASE("I7: a range behind the end of the file is corruption") {
  ReaderBench bench;
  const auto memory = base::AlignedBuffer::allocate(2 * kPageBytes).value();
  const base::PageNumber last{bench.file->usage().file - 1};
  const std::array ranges = {ReadRange{last, memory.bytes().first(kPageBytes)},
                             ReadRange{last + 1, memory.bytes().subspan(kPageBytes)}};
  const auto results = bench.reader->read(ranges);
  CHECK(results[0]);
  REQUIRE(!results[1]);
  CHECK(results[1].error().code() == ErrorCode::corruption);
}

TEST_CASE("B3: short reads go on until all is read") {
  support::SimStorageOptions options;
  options.short_transfer_probability = 0.5;
  ReaderBench bench(options);
  for (const auto& result : bench.read({{0, 100}, {300}, {305}, {120, 7}})) CHECK(result);
}

TEST_CASE("page reader: nothing asked, nothing read") {
  ReaderBench bench;
  CHECK(bench.read({}).empty());
  CHECK(bench.reads() == 0);
}

TEST_CASE("stats_are_exact: ranges, operations and bytes of reads") {
  ReaderBench bench;
  bench.read({{0, 2}, {2}, {40}, {100}, {100}});
  const PageStats stats = bench.file->stats();
  CHECK(stats.ranges_read == 5);
  CHECK(bench.reads() == 3);
  CHECK(stats.merged == 1);
  CHECK(stats.deduplicated == 1);
  CHECK(stats.bytes_read - bench.before.bytes_read == 5 * kPageBytes);
  CHECK(stats.read_latency.count() == stats.reads);
  CHECK(stats.started == stats.ended);
}

}  // namespace siltstone::page
