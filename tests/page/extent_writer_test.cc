// The extent writer: what is merged, what is kept, and what never happens.
#include "page/extent_writer.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "page/bench.h"
#include "support/sim_storage.h"

namespace siltstone::page {
namespace {

using base::PageNumber;
using std::chrono::milliseconds;
using support::Op;

struct WriterBench : Bench {
  explicit WriterBench(std::uint32_t pages = 256, WriterOptions options = {},
                       support::SimStorageOptions storage_options = {})
      : Bench(1, storage_options) {
    create();
    extent = file->allocate(pages, Claim::reserved).value();
    before = file->stats();
    writer = ExtentWriter::make(*file, *channel, options).value();
  }

  void write(std::uint32_t index, std::uint64_t tag = 1, std::uint32_t count = 1) {
    REQUIRE(writer->write(page(index), make_pages(page(index), count, tag)));
  }
  PageNumber page(std::uint32_t index) const { return extent.first + index; }
  std::uint64_t writes() const { return file->stats().writes - before.writes; }
  std::vector<std::byte> on_disk(std::uint32_t index) { return read(page(index), 1); }
  bool has(std::uint32_t index, std::uint64_t tag) {
    return on_disk(index) == make_pages(page(index), 1, tag);
  }
  bool is_zero(std::uint32_t index) {
    return std::ranges::all_of(on_disk(index), [](std::byte b) { return b == std::byte{0}; });
  }

  Extent extent;
  PageStats before;
  std::unique_ptr<ExtentWriter> writer;
};

}  // namespace

TEST_CASE("extent writer: neighbours written one by one leave in one operation") {
  WriterBench bench;
  for (std::uint32_t i = 0; i < 64; ++i) bench.write(i);
  CHECK(bench.writes() == 0);
  REQUIRE(bench.writer->flush());
  CHECK(bench.writes() == 1);
  CHECK(bench.file->stats().coalesced == 63);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(bench.has(i, 1));
}

TEST_CASE("extent writer: neighbours in any order leave in one vectored operation") {
  WriterBench bench;
  std::vector<std::uint32_t> order(64);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::reverse(order);
  for (const std::uint32_t i : order) bench.write(i);
  REQUIRE(bench.writer->flush());
  CHECK(bench.writes() == 1);
  CHECK(bench.file->stats().vectored == 1);
}

TEST_CASE("merge_keeps_gap_bytes: what nobody gave is not written") {
  WriterBench bench;
  bench.write(1, 7);
  REQUIRE(bench.writer->flush());
  bench.write(0, 8);
  bench.write(2, 8);
  REQUIRE(bench.writer->flush());
  CHECK(bench.writes() == 3);
  CHECK(bench.has(0, 8));
  CHECK(bench.has(1, 7));
  CHECK(bench.has(2, 8));
  CHECK(bench.is_zero(3));
}

TEST_CASE("overlapping_writes_last_wins: in the buffer and on the disk") {
  WriterBench bench;
  bench.write(0, 1, 4);
  bench.write(2, 2, 4);
  bench.write(3, 3);
  REQUIRE(bench.writer->flush());
  for (std::uint32_t i = 0; i < 6; ++i) CHECK(bench.has(i, i < 2 ? 1 : i == 3 ? 3 : 2));
  CHECK(bench.file->stats().overwritten == 3);
  CHECK(bench.file->stats().bytes_written - bench.before.bytes_written == 6 * kPageBytes);
}

TEST_CASE("overlapping_writes_last_wins: a page under way is not overtaken by its successor") {
  support::SimStorageOptions options;
  options.transfer_time = milliseconds(1);
  WriterBench bench(256, {}, options);
  for (std::uint64_t tag = 1; tag <= 20; ++tag) {
    bench.write(5, tag);
    bench.write(static_cast<std::uint32_t>(5 + tag), tag);
    bench.writer->start_flush();
    bench.writer->poll();
  }
  REQUIRE(bench.writer->flush());
  CHECK(bench.has(5, 20));
}

TEST_CASE("buffered_write_is_readable: before, while and after it is written") {
  support::SimStorageOptions options;
  options.transfer_time = milliseconds(1);
  WriterBench bench(256, {}, options);
  std::vector<std::byte> out(kPageBytes);
  CHECK(!bench.writer->read(bench.page(0), out));
  bench.write(0, 4);
  REQUIRE(bench.writer->read(bench.page(0), out));
  CHECK(out == make_pages(bench.page(0), 1, 4));

  bench.writer->start_flush();
  bench.writer->poll();
  CHECK(bench.writer->buffered_pages() == 0);  // under way
  REQUIRE(bench.writer->read(bench.page(0), out));
  CHECK(out == make_pages(bench.page(0), 1, 4));
  bench.write(0, 5);
  REQUIRE(bench.writer->read(bench.page(0), out));
  CHECK(out == make_pages(bench.page(0), 1, 5));

  REQUIRE(bench.writer->flush());
  CHECK(!bench.writer->read(bench.page(0), out));
  CHECK(bench.has(0, 5));
}

TEST_CASE("coalescer_cap_keeps_page: the page that fills the buffer is written too") {
  WriterOptions options;
  options.buffer_bytes = 8 * kPageBytes;
  options.flush_bytes = 8 * kPageBytes;
  WriterBench bench(256, options);
  for (std::uint32_t i = 0; i < 64; ++i) {
    bench.write(2 * i, 9);  // no two are neighbours
    CHECK(bench.writer->buffered_pages() <= 8);
  }
  REQUIRE(bench.writer->flush());
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(bench.has(2 * i, 9));
}

TEST_CASE("coalescer_cap_keeps_page: the call that reaches the count is written too") {
  WriterOptions options;
  options.flush_writes = 4;
  WriterBench bench(256, options);
  for (std::uint32_t i = 0; i < 4; ++i) bench.write(3 * i, 9);
  CHECK(bench.writer->buffered_pages() == 0);
  REQUIRE(bench.writer->flush());
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(bench.has(3 * i, 9));
}

TEST_CASE("group_over_iov_max: more pieces than one request takes, and more bytes") {
  SUBCASE("pieces") {
    WriterBench bench(1024);
    for (std::uint32_t i = 300; i-- > 0;) bench.write(i, 2);  // backwards: a buffer a page
    REQUIRE(bench.writer->flush());
    CHECK(bench.writes() == (300 + 63) / 64);
    for (std::uint32_t i = 0; i < 300; ++i) CHECK(bench.has(i, 2));
  }
  SUBCASE("bytes") {
    WriterBench bench(1024);
    bench.write(0, 3, 600);
    REQUIRE(bench.writer->flush());
    CHECK(bench.writes() == 3);  // 1 MiB each
    for (std::uint32_t i = 0; i < 600; ++i) CHECK(bench.has(i, 3));
  }
}

TEST_CASE("partial_writev B3: short writes go on until all is written") {
  support::SimStorageOptions options;
  options.short_transfer_probability = 0.5;
  WriterBench bench(512, {}, options);
  for (std::uint32_t i = 200; i-- > 0;) bench.write(i, 2);
  REQUIRE(bench.writer->flush());
  for (std::uint32_t i = 0; i < 200; ++i) CHECK(bench.has(i, 2));
}

TEST_CASE("flush_error_keeps_data: what failed is buffered, readable, and can be tried again") {
  WriterBench bench;
  const auto rule = bench.fail({.on = Op::write, .path = "*/pages", .error = ENOSPC});
  bench.write(0, 6);
  bench.write(2, 6);
  const auto failed = bench.writer->flush();
  REQUIRE(!failed);
  CHECK(bench.storage.faults().hits(rule) == 1);
  CHECK(failed.error().code() == ErrorCode::no_space);
  CHECK(bench.writer->buffered_pages() == 1);
  CHECK(bench.writer->next_due() == io::kNever);  // not tried again unasked
  const std::uint32_t kept = bench.has(0, 6) ? 2 : 0;
  std::vector<std::byte> out(kPageBytes);
  REQUIRE(bench.writer->read(bench.page(kept), out));
  CHECK(out == make_pages(bench.page(kept), 1, 6));

  REQUIRE(bench.writer->flush());
  CHECK(bench.has(0, 6));
  CHECK(bench.has(2, 6));
  CHECK(!bench.file->is_tainted(bench.extent));
  CHECK(bench.commit("with it", {.added = {bench.extent}}));
}

TEST_CASE("flush_error_keeps_data: what failed can be written elsewhere") {
  WriterBench bench;
  bench.write(0, 6, 20);
  bench.fail({.on = Op::write, .path = "*/pages", .error = EIO});
  REQUIRE(!bench.writer->flush());
  CHECK(bench.file->is_tainted(bench.extent));
  CHECK(bench.commit("with it", {.added = {bench.extent}}).error().code() == ErrorCode::io);

  const Extent elsewhere = bench.file->allocate(bench.extent.pages, Claim::reserved).value();
  bench.writer->redirect(bench.extent, elsewhere);
  REQUIRE(bench.writer->flush());
  bench.file->release(bench.extent);
  CHECK(bench.read(elsewhere.first, 20) == make_pages(bench.extent.first, 20, 6));
  CHECK(bench.commit("moved", {.added = {elsewhere}}));
}

TEST_CASE("extent writer: what is discarded is not written, and its extent may go") {
  WriterBench bench;
  bench.write(0, 6, 20);
  bench.writer->discard(bench.extent);
  CHECK(bench.writer->idle());
  bench.file->release(bench.extent);
  CHECK(bench.writes() == 0);
}

TEST_CASE("extent writer: a full buffer with an error refuses new pages and keeps the old") {
  WriterOptions options;
  options.buffer_bytes = 4 * kPageBytes;
  options.flush_bytes = 4 * kPageBytes;
  WriterBench bench(256, options);
  const auto rule =
      bench.fail({.on = Op::write, .path = "*/pages", .error = EIO, .times = support::kAlways});
  bool refused = false;
  for (std::uint32_t i = 0; i < 8 && !refused; ++i) {
    refused = !bench.writer->write(bench.page(2 * i), make_pages(bench.page(2 * i), 1, 1));
  }
  CHECK(refused);
  CHECK(!bench.writer->flush());
  CHECK(bench.writer->buffered_pages() == 4);
  bench.storage.faults().remove(rule);
  REQUIRE(bench.writer->flush());
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(bench.has(2 * i, 1));
}

TEST_CASE("extent writer: the oldest page waits for the coalescing window and no longer") {
  WriterOptions options;
  options.window = milliseconds(5);
  WriterBench bench(256, options);
  const io::Time start = bench.file->now();
  bench.write(0);
  CHECK(bench.writer->next_due() - start >= milliseconds(5));
  CHECK(bench.writer->next_due() - start < milliseconds(6));
  bench.storage.clock().advance(milliseconds(4));
  bench.write(1);
  bench.writer->poll();
  CHECK(bench.writer->buffered_pages() == 2);
  bench.storage.clock().advance_to(start + milliseconds(6));
  bench.writer->poll();
  CHECK(bench.writer->buffered_pages() == 0);
  CHECK(bench.file->stats().started - bench.before.started == 1);
}

TEST_CASE("extent writer: options out of range are refused") {
  Bench bench;
  bench.create();
  std::vector<WriterOptions> bad(6);
  bad[0].window = std::chrono::microseconds(999);
  bad[1].window = milliseconds(11);
  bad[2].buffer_bytes = 0;
  bad[3].flush_bytes = bad[3].buffer_bytes + 1;
  bad[4].flush_writes = 0;
  bad[5].operation_bytes = 100;
  for (const WriterOptions& options : bad) {
    const auto writer = ExtentWriter::make(*bench.file, *bench.channel, options);
    REQUIRE(!writer);
    CHECK(writer.error().code() == ErrorCode::invalid_argument);
  }
}

TEST_CASE("extent writer: random single pages need at most half the operations") {
  constexpr std::uint32_t kPages = 12'000;
  constexpr std::uint32_t kWritten = 10'000;
  WriterOptions options;
  options.buffer_bytes = options.flush_bytes = std::size_t{48} << 20;
  options.flush_writes = UINT32_MAX;
  WriterBench bench(kPages, options);
  std::vector<std::uint32_t> order(kPages);
  std::iota(order.begin(), order.end(), 0);
  base::Random random(1);
  for (std::size_t i = order.size() - 1; i > 0; --i)
    std::swap(order[i], order[random.below(i + 1)]);
  order.resize(kWritten);
  for (const std::uint32_t i : order) bench.write(i, 3);
  REQUIRE(bench.writer->flush());
  CHECK(bench.writes() <= kWritten / 2);
  CHECK(bench.file->stats().bytes_written - bench.before.bytes_written == kWritten * kPageBytes);
  std::ranges::sort(order);
  for (std::uint32_t i = 0; i < kPages; i += 7) {
    CHECK((std::ranges::binary_search(order, i) ? bench.has(i, 3) : bench.is_zero(i)));
  }
}

TEST_CASE("extent writer: background bytes are paced, and a flush is not") {
  Pacer pacer;
  pacer.set_rate(std::uint64_t{16} << 20);
  WriterOptions options;
  options.pacer = &pacer;
  options.buffer_bytes = options.flush_bytes = std::size_t{32} << 20;
  options.operation_bytes = std::size_t{256} << 10;
  WriterBench bench(8192, options);
  bench.write(0, 1, 8192);  // 32 MiB: two seconds at this rate
  const io::Time start = bench.file->now();
  for (int i = 0; i < 100'000 && !bench.writer->idle(); ++i) {
    bench.writer->poll();
    if (bench.writer->next_due() != io::kNever) {
      bench.storage.clock().advance_to(bench.writer->next_due());
    }
  }
  CHECK(bench.writer->idle());
  const auto paced = bench.file->now() - start;
  CHECK(paced > milliseconds(1850));
  CHECK(paced < milliseconds(2150));

  bench.write(0, 2, 8192);
  const io::Time again = bench.file->now();
  REQUIRE(bench.writer->flush());
  CHECK(bench.file->now() - again < milliseconds(100));
}

TEST_CASE("extent writer: huge pages are asked for, and doing without is told") {
  WriterOptions options;
  options.page_kind = base::PageKind::huge;
  WriterBench bench(256, options);
  bench.write(0, 3, 64);
  REQUIRE(bench.writer->flush());
  CHECK(bench.has(63, 3));
  // Whatever the kernel said, the answer is the buffer's.
  const auto probe = base::AlignedBuffer::allocate(1, base::PageKind::huge).value();
  CHECK(bench.writer->uses_huge_pages() == probe.huge());
}

TEST_CASE("extent writer: neighbouring extents are written apart") {
  WriterBench bench(16);
  const Extent next = bench.file->allocate(16, Claim::reserved).value();
  REQUIRE(next.first == bench.extent.end());
  bench.write(15, 1);
  REQUIRE(bench.writer->write(next.first, make_pages(next.first, 1, 2)));
  REQUIRE(bench.writer->flush());
  CHECK(bench.writes() == 2);
}

TEST_CASE("extent writer: an extent trimmed while buffered is written all the same") {
  WriterBench bench(256);
  bench.write(0, 5, 20);
  const Extent trimmed = bench.file->trim(bench.extent, 20);
  CHECK(trimmed.pages == 32);
  REQUIRE(bench.writer->flush());
  REQUIRE(bench.commit("trimmed", {.added = {trimmed}}));
  CHECK(bench.has(19, 5));
}

TEST_CASE("stats_are_exact: calls, operations and bytes of writes") {
  WriterBench bench;
  bench.write(0, 1, 2);
  bench.write(2);
  bench.write(9);
  bench.write(2, 2);
  REQUIRE(bench.writer->flush());
  const PageStats stats = bench.file->stats();
  CHECK(stats.write_calls - bench.before.write_calls == 4);
  CHECK(stats.writes - bench.before.writes == 2);
  CHECK(stats.coalesced == 1);
  CHECK(stats.overwritten == 1);
  CHECK(stats.bytes_written - bench.before.bytes_written == 4 * kPageBytes);
  CHECK(stats.started - bench.before.started == 2);
  CHECK(stats.ended == stats.started);
  CHECK(stats.depth() == 0);
  CHECK(stats.peak_depth == 2);
  CHECK(stats.write_latency.count() == stats.writes);
  CHECK(stats.failed == 0);
}

}  // namespace siltstone::page
