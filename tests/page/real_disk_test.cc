// The page file on the kernel's own file systems: what the simulation promises, the disk keeps.
#include <algorithm>
#include <chrono>
#include <memory>

#include <doctest/doctest.h>

#include "io/posix_storage.h"
#include "io/scratch.h"
#include "page/bench.h"
#include "page/page_reader.h"
#include "support/sim_clock.h"

namespace siltstone::page {
namespace {

// Files are real, time is not.
struct DiskBench {
  DiskBench() {
    directory = io::posix_storage().open_directory(scratch.path()).value();
    channel = std::make_unique<io::Channel>(io::posix_storage().make_queue(32).value());
    file = PageFile::create(*directory, "pages", *channel, clock, Identity{Bench::store_id(), 42},
                            bytes_of("one"))
               .value()
               .file;
  }

  Extent write(std::uint32_t pages, std::uint64_t tag) {
    const Extent extent = file->allocate(pages, Claim::ordinary).value();
    auto writer = ExtentWriter::make(*file, *channel).value();
    for (std::uint32_t i = pages; i-- > 0;) {  // backwards: a buffer for each page
      REQUIRE(writer->write(extent.first + i, make_pages(extent.first + i, 1, tag)));
    }
    REQUIRE(writer->flush());
    return extent;
  }
  void commit(std::string_view payload, Edit edit) {
    auto commit = Commit::begin(*file, *channel, std::move(edit), bytes_of(payload)).value();
    commit->wait();
    REQUIRE_MESSAGE(commit->outcome(), commit->outcome().error().to_string());
  }
  std::string open() {
    file.reset();
    auto opened = PageFile::open(*directory, "pages", *channel, clock).value();
    REQUIRE(opened.has_value());
    file = std::move(opened->file);
    return text_of(opened->catalog.catalog.payload);
  }
  bool holds(const Extent& extent, std::uint32_t pages, std::uint64_t tag) {
    auto reader = PageReader::make(file->file(), *channel, file->meter()).value();
    const auto memory = base::AlignedBuffer::allocate(pages * kPageBytes).value();
    const ReadRange range{extent.first, memory.bytes()};
    return reader->read({&range, 1}).front().has_value() &&
           std::ranges::equal(memory.bytes(), make_pages(extent.first, pages, tag));
  }
  std::uint64_t disk_bytes() { return file->file().info().value().allocated_bytes; }

  io::Scratch scratch;
  support::SimClock clock;
  std::unique_ptr<io::Directory> directory;
  std::unique_ptr<io::Channel> channel;
  std::unique_ptr<PageFile> file;
};

}  // namespace

TEST_CASE("page file on disk: written, committed, opened, read") {
  DiskBench bench;
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

TEST_CASE("page file on disk: a new one takes at most 1 MiB") {
  DiskBench bench;
  CHECK(bench.file->file().info().value().size_bytes == kCreatedBytes);
  CHECK(bench.disk_bytes() <= kCreatedBytes + (64 << 10));
}

TEST_CASE("page file on disk: freed extents go back, come again, and harm nobody") {
  DiskBench bench;
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

}  // namespace siltstone::page
