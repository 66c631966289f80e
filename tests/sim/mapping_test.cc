// Mappings of simulated files: what is stored is in the file, as safe as a write without a sync.
#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

#include "sim/fixture.h"

using namespace siltstone;
using namespace siltstone::support;

namespace {

constexpr std::size_t kPage = 4096;

/// A durable file of four pages of 'a', mapped.
struct Mapped : Bench {
  Mapped() {
    auto made = file("f");
    REQUIRE(write(*made, 0, bytes_of('a', 4 * kPage)) == 4 * kPage);
    REQUIRE(sync(*made) == 0);
    REQUIRE(directory->sync());
    mapping = *made->map(4 * kPage);
  }
  void store(std::size_t page, char letter) {
    REQUIRE(mapping->populate(page * kPage, kPage));
    std::ranges::fill(mapping->bytes().subspan(page * kPage, kPage),
                      static_cast<std::byte>(letter));
  }
  /// The letter of each page.
  static std::string pages(const SimStorage& disk) {
    const Bytes all = disk.contents("db/f");
    std::string letters;
    for (std::size_t at = 0; at < all.size(); at += kPage) {
      letters += letter(std::span(all).subspan(at, kPage));
    }
    return letters;
  }

  std::unique_ptr<io::Mapping> mapping;
};

}  // namespace

TEST_CASE("sim mapping: a page shows the file, and what is stored is read and survives a kill") {
  Mapped bench;
  REQUIRE(bench.mapping->populate(0, 4 * kPage));
  CHECK(letter(bench.mapping->bytes()) == 'a');
  bench.store(1, 'b');
  bench.store(3, 'c');
  CHECK(Mapped::pages(bench.storage) == "abac");
  const auto file = bench.file("f");
  CHECK(letter(bench.read(*file, kPage, kPage)) == 'b');
  bench.store(1, 'd');
  bench.storage.kill();
  CHECK(Mapped::pages(bench.storage) == "adac");
  std::ranges::fill(bench.mapping->bytes(), std::byte{'x'});  // of a dead process
  CHECK(Mapped::pages(bench.storage) == "adac");
  CHECK(bench.mapping->populate(0, kPage).error().os_error() == EIO);
}

TEST_CASE("sim mapping: a power cut leaves any mix of old and new pages, a sync the new ones") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Mapped bench;
    bench.store(0, 'b');
    bench.store(1, 'c');
    if (seed % 2 != 0) REQUIRE(bench.sync(*bench.file("f")) == 0);
    bench.store(0, 'd');
    bench.storage.crash({.seed = seed, .keep = Keep::random, .tear_bytes = kPage});
    const std::string found = Mapped::pages(bench.storage);
    CHECK(found.ends_with("aa"));
    if (seed % 2 == 0) seen.insert(found);
    if (seed % 2 != 0) CHECK((found == "bcaa" || found == "dcaa"));
  }
  CHECK(seen == std::set<std::string>{"aaaa", "acaa", "baaa", "bcaa", "daaa", "dcaa"});
}

TEST_CASE("sim mapping: populate fails on a full disk and by faults, and file systems may refuse") {
  Mapped bench;
  const auto rule =
      bench.storage.faults().add({.on = Op::populate, .path = "db/f", .error = ENOSPC});
  CHECK(bench.mapping->populate(0, kPage).error().os_error() == ENOSPC);
  CHECK(bench.storage.faults().hits(rule) == 1);
  CHECK(bench.mapping->populate(0, kPage));

  const auto sparse = bench.file("sparse");
  REQUIRE(sparse->resize(2 * kPage));
  const auto mapping = *sparse->map(2 * kPage);
  CHECK(mapping->populate(0, kPage));
  bench.storage.options().capacity_bytes = bench.storage.used_bytes();
  CHECK(mapping->populate(0, kPage));
  CHECK(mapping->populate(kPage, kPage).error().os_error() == EFAULT);

  bench.storage.options().can_map = false;
  CHECK(sparse->map(kPage).error().code() == ErrorCode::unsupported);
}
