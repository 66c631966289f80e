// A page file on a real file system, by plain calls or through a ring: for the tests of what the
// simulation cannot show.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "io/posix_storage.h"
#include "io/scratch.h"
#include "io/uring_storage.h"
#include "page/bench.h"
#include "page/page_reader.h"
#include "support/sim_clock.h"

namespace siltstone::page {

struct Plain {
  static io::Storage& storage() { return io::posix_storage(); }
};
struct Rings {
  static io::Storage& storage() {
    static io::UringStorage storage({.ring_depth = 32});
    return storage;
  }
};

// Files are real, time is not.
template <typename On>
struct DiskBench {
  DiskBench() {
    directory = On::storage().open_directory(scratch.path()).value();
    channel = std::make_unique<io::Channel>(On::storage().make_queue(32).value());
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

}  // namespace siltstone::page
