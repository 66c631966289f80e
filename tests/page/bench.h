// A simulated machine with a page file on it, and pages that tell what they are: for the tests of
// this layer.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/aligned_buffer.h"
#include "io/complete.h"
#include "page/commit.h"
#include "page/extent_writer.h"
#include "page/page_file.h"
#include "support/sim_storage.h"

namespace siltstone::page {

inline constexpr std::string_view kFile = "db/pages";

inline base::Bytes bytes_of(std::string_view text) { return base::as_bytes(text); }
inline std::string text_of(base::Bytes bytes) { return std::string(base::as_text(bytes)); }

/// Page content that names its page and its writer, and differs in every word.
inline void fill_page(base::MutableBytes out, base::PageNumber page, std::uint64_t tag) {
  for (std::size_t i = 0; i < kPageBytes / sizeof(std::uint64_t); ++i) {
    const std::uint64_t word = (tag << 44) ^ (std::uint64_t{page.value()} << 12) ^ i;
    std::memcpy(out.data() + i * sizeof word, &word, sizeof word);
  }
}

inline std::vector<std::byte> make_pages(base::PageNumber first, std::size_t count,
                                         std::uint64_t tag) {
  std::vector<std::byte> bytes(count * kPageBytes);
  for (std::size_t i = 0; i < count; ++i) {
    fill_page(std::span(bytes).subspan(i * kPageBytes, kPageBytes),
              first + static_cast<std::uint32_t>(i), tag);
  }
  return bytes;
}

struct Bench {
  explicit Bench(std::uint64_t seed = 1, support::SimStorageOptions options = {})
      : storage(seed, options) {
    REQUIRE(storage.make_directory("db"));
    connect();
  }
  /// A machine that starts with this disk.
  Bench(support::Disk disk, std::uint64_t seed, support::SimStorageOptions options = {})
      : storage(std::move(disk), seed, options) {
    connect();
  }

  void connect() {
    directory = storage.open_directory("db").value();
    channel = std::make_unique<io::Channel>(storage.make_queue(32).value());
  }
  void disconnect() {
    file.reset();
    channel.reset();
    directory.reset();
  }

  void create(std::string_view payload = "first") {
    auto opened = PageFile::create(*directory, "pages", *channel, storage.clock(),
                                   Identity{store_id(), 42}, bytes_of(payload));
    REQUIRE_MESSAGE(opened, opened.error().to_string());
    file = std::move(opened->file);
  }
  Result<std::optional<PageFile::Opened>> try_open(PageFileOptions options = {}) {
    file.reset();
    return PageFile::open(*directory, "pages", *channel, storage.clock(), options);
  }
  /// Opens and returns the payload.
  std::string open() {
    auto opened = try_open();
    REQUIRE_MESSAGE(opened, opened.error().to_string());
    REQUIRE(opened->has_value());
    file = std::move((*opened)->file);
    damage = std::move((*opened)->damage);
    return text_of((*opened)->catalog.catalog.payload);
  }
  std::string crash_and_open(const support::Crash& crash) {
    disconnect();
    storage.crash(crash);
    connect();
    return open();
  }

  /// A new extent, all of its pages written and handed to the operating system.
  Extent write_extent(std::uint32_t pages, std::uint64_t tag) {
    const Extent extent = file->allocate(pages, Claim::reserved).value();
    auto writer = ExtentWriter::make(*file, *channel).value();
    REQUIRE(writer->write(extent.first, make_pages(extent.first, extent.pages, tag)));
    REQUIRE(writer->flush());
    return extent;
  }
  Result<base::Generation> commit(std::string_view payload, Edit edit = {}) {
    auto commit = Commit::begin(*file, *channel, std::move(edit), bytes_of(payload));
    if (!commit) return std::unexpected(commit.error());
    (*commit)->wait();
    known = (*commit)->outcome_known();
    return (*commit)->outcome();
  }

  std::vector<std::byte> read(base::PageNumber first, std::uint32_t pages) {
    const auto buffer = base::AlignedBuffer::allocate(pages * kPageBytes).value();
    REQUIRE(channel->read_exactly(file->file(), byte_offset(first), buffer.bytes()));
    return {buffer.bytes().begin(), buffer.bytes().end()};
  }
  bool holds(const Extent& extent, std::uint64_t tag) {
    return read(extent.first, extent.pages) == make_pages(extent.first, extent.pages, tag);
  }
  support::FaultSchedule::RuleId fail(support::Fault fault) {
    return storage.faults().add(std::move(fault));
  }

  static base::StoreId store_id() {
    base::StoreId id;
    id.bytes.fill(std::byte{7});
    return id;
  }

  support::SimStorage storage;
  std::unique_ptr<io::Directory> directory;
  std::unique_ptr<io::Channel> channel;
  std::unique_ptr<PageFile> file;
  std::vector<Damage> damage;  ///< Of the last open().
  bool known = true;           ///< Whether the outcome of the last commit() is.
};

}  // namespace siltstone::page
