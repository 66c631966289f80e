// The extent map: its rules one by one, then at random against a model that knows each unit.
#include "page/extent_map.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include <doctest/doctest.h>

#include "base/random.h"

namespace siltstone::page {
namespace {

using base::Generation;
using base::PageNumber;
using std::chrono::seconds;

constexpr std::uint32_t kMiB = 256;  // in pages
constexpr io::Time kStart{};

Extent at(std::uint32_t first, std::uint32_t pages) { return {PageNumber(first), pages}; }

ExtentMap map_of(std::vector<Extent> live, std::uint64_t pages, Backing backing = Backing::backed) {
  auto map = ExtentMap::derive(live, pages, backing, kStart);
  REQUIRE(map.has_value());
  return *std::move(map);
}

}  // namespace

TEST_CASE("extent map: what no extent covers is free") {
  const ExtentMap map = map_of({at(64, 32), at(16, 16)}, 256);
  CHECK(map.free() == std::vector{at(32, 32), at(96, 160)});
  CHECK(map.usage().live == 48);
  CHECK(map.usage().backed == 192);
  CHECK(map.used_end() == 96);
  CHECK(map.is_consistent());
}

TEST_CASE("extent map: impossible extent lists are corruption") {
  const std::vector<std::vector<Extent>> lists = {
      {at(16, 32), at(32, 16)},        // overlap
      {at(16, 16), at(16, 16)},        // twice
      {at(16, 32), at(16, 16)},        // one begins in the other
      {at(0, 16)},                     // the superblocks
      {at(16, 8)},                     // not whole units
      {at(24, 16)},                    // not at a unit
      {at(240, 32)},                   // beyond the end
      {at(16, 0)},                     // nothing
      {at(UINT32_MAX - 15, 16)},       // wraps
      {at(16, kMaxExtentPages + 16)},  // too long
  };
  for (const auto& list : lists) {
    const auto map = ExtentMap::derive(list, 256, Backing::backed, kStart);
    REQUIRE(!map);
    CHECK(map.error().code() == ErrorCode::corruption);
  }
}

TEST_CASE("extent map: allocation takes the first fit and rounds up to units") {
  ExtentMap map = map_of({at(32, 16), at(112, 16)}, 512);
  CHECK(map.allocate(40, Claim::ordinary) == at(48, 48));
  CHECK(map.allocate(1, Claim::ordinary) == at(16, 16));
  CHECK(map.allocate(400, Claim::ordinary) == std::nullopt);
  CHECK(map.allocate(384, Claim::ordinary) == at(128, 384));
  CHECK(map.allocate(17, Claim::ordinary) == std::nullopt);
  CHECK(map.allocate(16, Claim::ordinary) == at(96, 16));
  CHECK(map.is_consistent());
}

TEST_CASE("extent map: neighbours freed at different times are one place") {
  ExtentMap map = map_of({at(16, 16), at(32, 16)}, 48);
  map.release(at(16, 16), kStart);
  map.release(at(32, 16), kStart + seconds(100));
  CHECK(map.allocate(32, Claim::ordinary) == at(16, 32));
}

TEST_CASE(
    "extent map: frees of generation g are reused when g + 1 is durable and nobody needs them") {
  ExtentMap map = map_of({at(16, 16)}, 32);
  static_cast<void>(map.make_room(1));
  map.retire(at(16, 16), Generation(7));
  CHECK(map.usage().pending == 16);

  map.reclaim(Generation(7), Generation(7), kStart);
  CHECK(map.allocate(16, Claim::reserved) == std::nullopt);  // the other slot still names it
  map.reclaim(Generation(9), Generation(6), kStart);
  CHECK(map.allocate(16, Claim::reserved) == std::nullopt);  // a reader at generation 6 does
  map.reclaim(Generation(8), Generation(7), kStart);
  CHECK(map.allocate(16, Claim::reserved) == at(16, 16));
}

TEST_CASE("extent map: held extents must have been free") {
  ExtentMap map = map_of({at(16, 16)}, 64);
  CHECK(map.hold(at(32, 16), Generation(3)).has_value());
  CHECK(map.hold(at(16, 16), Generation(3)).error().code() == ErrorCode::corruption);
  CHECK(map.hold(at(32, 16), Generation(3)).error().code() == ErrorCode::corruption);
  CHECK(map.hold(at(48, 32), Generation(3)).error().code() == ErrorCode::corruption);
  CHECK(map.usage().pending == 16);
  CHECK(map.is_consistent());
}

TEST_CASE("extent map: trimming frees whole units at the end") {
  ExtentMap map = map_of({}, 128);
  const Extent extent = *map.allocate(96, Claim::ordinary);
  CHECK(map.trim(extent, 33, kStart) == at(16, 48));
  CHECK(map.is_live(at(16, 48)));
  CHECK(map.allocate(64, Claim::ordinary) == at(64, 64));
}

TEST_CASE("extent map: ordinary claims leave the reserve alone") {
  ExtentMap map = map_of({}, 16 + 64);
  map.set_reserve(32);
  CHECK(map.allocate(32, Claim::ordinary) == at(16, 32));
  CHECK(map.allocate(16, Claim::ordinary) == std::nullopt);
  CHECK(map.allocate(16, Claim::reserved) == at(48, 16));
}

TEST_CASE("extent map: the file grows ahead by an eighth, from 1 MiB to 256 MiB") {
  const auto growth = [](std::uint64_t file_pages) {
    // All in use but for a tail too short for the request.
    std::vector<Extent> live;
    for (std::uint32_t first = kHeaderPages; first < file_pages; first += kMaxExtentPages) {
      const auto left = static_cast<std::uint32_t>(file_pages - first);
      live.push_back(at(first, std::min(left, kMaxExtentPages)));
    }
    return map_of(live, file_pages).plan_growth(16, Claim::ordinary, true)->pages;
  };
  CHECK(growth(kMiB) == kMiB);
  CHECK(growth(80 * kMiB) == 10 * kMiB);
  CHECK(growth(4096 * kMiB) == 256 * kMiB);
}

TEST_CASE("extent map: growth uses the free end, and serves the claim and the reserve") {
  ExtentMap map = map_of({at(16, 16)}, 64);
  map.set_reserve(64);
  const Growth growth = *map.plan_growth(64, Claim::ordinary, false);
  CHECK(growth.first == PageNumber(32));
  CHECK(growth.extends_file);
  map.add(growth, kStart);
  CHECK(map.allocate(64, Claim::ordinary) == at(32, 64));
  CHECK(map.usage().backed == 64);
}

TEST_CASE("extent map: pages without blocks are backed before they are given out") {
  ExtentMap map = map_of({at(16, 16)}, 160, Backing::unknown);
  CHECK(map.allocate(16, Claim::ordinary) == std::nullopt);
  const Growth growth = *map.plan_growth(48, Claim::ordinary, true);
  CHECK(growth.first == PageNumber(32));
  CHECK(growth.pages == 48);
  CHECK(!growth.extends_file);
  map.add(growth, kStart);
  CHECK(map.allocate(48, Claim::ordinary) == at(32, 48));
  CHECK(map.is_consistent());
}

TEST_CASE("extent map: a file cannot outgrow its page numbers") {
  ExtentMap map = map_of({}, kMaxFilePages);
  while (map.usage().backed > kMaxExtentPages)
    CHECK(map.allocate(kMaxExtentPages, Claim::ordinary));
  const std::uint32_t rest = map.usage().backed;
  if (rest > 0) CHECK(map.allocate(rest, Claim::ordinary));
  CHECK(map.plan_growth(16, Claim::ordinary, true) == std::nullopt);
}

TEST_CASE("extent map: the reserve grows in steps of 1 MiB") {
  ExtentMap map = map_of({}, 16 + kMiB);
  map.set_reserve(3 * kMiB);
  CHECK(map.plan_reserve()->pages == kMiB);
  map.add(*map.plan_reserve(), kStart);
  map.add(*map.plan_reserve(), kStart);
  CHECK(map.plan_reserve() == std::nullopt);
  CHECK(map.usage().backed == 3 * kMiB);
}

TEST_CASE("extent map: punching takes old, large runs beyond a quarter of the live bytes") {
  ExtentMap map = map_of({at(16, 16 * kMiB - 16)}, 32 * kMiB);  // 16 MiB live, 16 MiB free
  CHECK(map.plan_punch(kStart + seconds(60)).empty());
  const auto late = kStart + seconds(61);
  const std::uint32_t kept = (16 * kMiB - 16) / 4;
  const std::uint32_t whole = (16 * kMiB - kept) / kUnitPages * kUnitPages;
  CHECK(map.plan_punch(late) == std::vector{at(32 * kMiB - whole, whole)});

  SUBCASE("never the reserve") {
    map.set_reserve(15 * kMiB);
    CHECK(map.plan_punch(late) == std::vector{at(31 * kMiB, kMiB)});
    map.set_reserve(15 * kMiB + 16);
    CHECK(map.plan_punch(late).empty());
  }
  SUBCASE("what was punched is not punched again, and must be backed") {
    map.punched(at(32 * kMiB - whole, whole), late);
    CHECK(map.plan_punch(late + seconds(100)).empty());
    CHECK(map.usage().unbacked == whole);
    CHECK(map.allocate(kept + 32, Claim::reserved) == std::nullopt);
    CHECK(map.is_consistent());
  }
}

TEST_CASE("extent map: runs under 1 MiB are not punched") {
  std::vector<Extent> live;
  for (std::uint32_t i = 0; i < 64; ++i) live.push_back(at(kMiB * (i + 1) - 16, 16));
  const ExtentMap map = map_of(live, 64 * kMiB);
  CHECK(map.usage().backed > 60 * (kMiB - 16));
  CHECK(map.plan_punch(kStart + seconds(100)).empty());
}

TEST_CASE("extent map: the file is cut where only resting free pages are behind") {
  ExtentMap map = map_of({at(16, 4 * kMiB)}, 32 * kMiB);
  CHECK(map.plan_cut(kStart + seconds(60)) == std::nullopt);
  const auto late = kStart + seconds(61);
  const std::uint32_t end = *map.plan_cut(late);
  CHECK(end == 16 + 4 * kMiB + kMiB);
  map.cut(end);
  CHECK(map.file_pages() == end);
  CHECK(map.plan_cut(late) == std::nullopt);
  CHECK(map.is_consistent());
}

namespace {

enum class Owner : std::uint8_t { free, live, pending };

// The map and, beside it, who owns each unit.
struct Model {
  struct Retired {
    Extent extent;
    Generation freed_by;
  };
  ExtentMap map;
  std::vector<Owner> units;
  std::vector<Extent> live;
  std::vector<Retired> pending;
  Generation generation{2};
  io::Time now{};

  void paint(const Extent& extent, Owner from, Owner to) {
    for (std::uint32_t p = extent.first.value(); p < extent.end().value(); p += kUnitPages) {
      REQUIRE(units.at(p / kUnitPages) == from);
      units[p / kUnitPages] = to;
    }
  }

  void allocate(base::Random& random) {
    const auto pages = static_cast<std::uint32_t>(random.between(1, random.one_in(8) ? 2048 : 200));
    auto extent = map.allocate(pages, Claim::reserved);
    for (int i = 0; !extent && i < 4; ++i) {
      const auto growth = map.plan_growth(pages, Claim::reserved, random.one_in(2));
      REQUIRE(growth);
      map.add(*growth, now);
      if (map.file_pages() / kUnitPages > units.size()) {
        units.resize(map.file_pages() / kUnitPages, Owner::free);
      }
      extent = map.allocate(pages, Claim::reserved);
    }
    REQUIRE(extent);
    CHECK(extent->pages == whole_units(pages));
    paint(*extent, Owner::free, Owner::live);
    live.push_back(*extent);
  }

  Extent take_live(base::Random& random) {
    std::swap(live[random.below(live.size())], live.back());
    const Extent extent = live.back();
    live.pop_back();
    return extent;
  }

  void reclaim(base::Random& random) {
    generation = generation.next();
    const Generation oldest(random.between(generation.value() - 2, generation.value()));
    map.reclaim(generation, oldest, now);
    std::erase_if(pending, [&](const Retired& retired) {
      if (retired.freed_by >= generation || retired.freed_by > oldest) return false;
      paint(retired.extent, Owner::pending, Owner::free);
      return true;
    });
  }

  void give_back() {
    for (const Extent& extent : map.plan_punch(now)) {
      for (std::uint32_t p = extent.first.value(); p < extent.end().value(); p += kUnitPages) {
        REQUIRE(units.at(p / kUnitPages) == Owner::free);
      }
      map.punched(extent, now);
    }
    if (const auto end = map.plan_cut(now)) {
      map.cut(*end);
      for (std::size_t u = *end / kUnitPages; u < units.size(); ++u)
        REQUIRE(units[u] == Owner::free);
      units.resize(*end / kUnitPages);
    }
  }

  void step(base::Random& random) {
    now += std::chrono::milliseconds(random.below(5000));
    const auto choice = random.below(100);
    if (choice < 45 || live.empty()) return allocate(random);
    if (choice < 60) {
      const Extent extent = take_live(random);
      paint(extent, Owner::live, Owner::free);
      return map.release(extent, now);
    }
    if (choice < 65) {
      const Extent extent = take_live(random);
      const auto keep = static_cast<std::uint32_t>(random.between(1, extent.pages));
      const Extent kept = map.trim(extent, keep, now);
      CHECK(kept.pages >= keep);
      if (kept != extent) paint({kept.end(), extent.pages - kept.pages}, Owner::live, Owner::free);
      return live.push_back(kept);
    }
    if (choice < 88) {
      const Extent extent = take_live(random);
      paint(extent, Owner::live, Owner::pending);
      pending.push_back({extent, generation});
      static_cast<void>(map.make_room(1));
      return map.retire(extent, generation);
    }
    if (choice < 97) return reclaim(random);
    give_back();
  }

  void compare() const {
    REQUIRE(map.is_consistent());
    std::vector<Extent> expected = live;
    std::ranges::sort(expected);
    CHECK(map.live() == expected);
    const auto pages_of = [this](Owner owner) {
      return static_cast<std::uint32_t>(std::ranges::count(units, owner)) * kUnitPages;
    };
    CHECK(map.usage().pending == pages_of(Owner::pending));
    CHECK(map.usage().backed + map.usage().unbacked + kHeaderPages == pages_of(Owner::free));
  }
};

}  // namespace

TEST_CASE("extent map: no page is leaked or used twice, whatever happens") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Model model{map_of({}, kMiB), std::vector(kMiB / kUnitPages, Owner::free), {}, {}};
    for (int i = 0; i < 600; ++i) {
      model.step(random);
      if (i % 8 == 0) model.compare();
    }
    model.compare();
    // What remains after a reopen is what the catalog names: nothing is lost.
    const ExtentMap reopened = map_of(model.live, model.map.file_pages(), Backing::unknown);
    CHECK(reopened.usage().live == model.map.usage().live);
    CHECK(reopened.usage().unbacked + reopened.usage().live + kHeaderPages ==
          reopened.usage().file);
  }
}

}  // namespace siltstone::page
