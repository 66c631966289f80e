// TagHash: finds every record, whatever the hashes and however little room there is.
#include "memtable/tag_hash.h"

#include <functional>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "base/arena.h"
#include "base/yield.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::memtable;
using support::Rng;

namespace {

constexpr std::size_t kArenaBytes = std::size_t{8} << 20;

// Records are only numbers here, from 1.
TagHash::Found find(const TagHash& tags, std::uint64_t hash, Offset record) {
  return tags.find(hash, [record](Offset offered) noexcept { return offered == record; });
}

}  // namespace

TEST_CASE("tag hash: what was inserted is found while it grows, almost all without the tree") {
  for (const std::size_t keys : std::initializer_list<std::size_t>{1, 1000, 20'000, 100'000}) {
    base::Arena arena = base::Arena::create(kArenaBytes).value();
    const auto shape = TagHash::Shape::for_keys(keys);
    REQUIRE(arena.promise(shape.fixed_bytes() + keys * TagHash::kBytesPerInsert));
    TagHash tags(arena, shape);
    for (Offset i = 1; i <= keys; ++i) {
      REQUIRE(find(tags, Rng::mix(i), i).record == 0);
      tags.insert(Rng::mix(i), i);
      for (const Offset old : {i, i / 2 + 1, Offset{1}}) {
        const auto answer = find(tags, Rng::mix(old), old);
        REQUIRE((answer.record == old || answer.unsure));
      }
    }
    std::size_t unsure = 0;
    std::size_t found = 0;
    for (Offset i = 1; i <= keys; ++i) {
      const auto answer = find(tags, Rng::mix(i), i);
      REQUIRE((answer.record == i || answer.unsure));
      found += answer.record == i ? 1 : 0;
      const auto missing = find(tags, Rng::mix(i + keys), i + static_cast<Offset>(keys));
      REQUIRE(missing.record == 0);
      unsure += missing.unsure ? 1 : 0;
    }
    CHECK(found >= keys - keys / 10'000);
    CHECK(unsure <= keys / 100);
    CHECK(tags.bytes() <= shape.fixed_bytes() + keys * TagHash::kBytesPerInsert);
    CHECK(arena.used_back() <= shape.fixed_bytes() + keys * TagHash::kBytesPerInsert);
  }
}

TEST_CASE("tag hash: twice as many keys as it was made for are found, or not surely absent") {
  base::Arena arena = base::Arena::create(kArenaBytes).value();
  const std::size_t made_for = 10'000;
  REQUIRE(arena.promise(kArenaBytes / 2));
  TagHash tags(arena, TagHash::Shape::for_keys(made_for));
  std::size_t found = 0;
  for (Offset i = 1; i <= 4 * made_for; ++i) tags.insert(Rng::mix(i), i);
  for (Offset i = 1; i <= 4 * made_for; ++i) {
    const auto answer = find(tags, Rng::mix(i), i);
    REQUIRE((answer.record == i || answer.unsure));
    found += answer.record == i ? 1 : 0;
  }
  CHECK(found >= made_for);
}

TEST_CASE("tag hash: keys of one hash are found as long as there is room, then it is unsure") {
  base::Arena arena = base::Arena::create(kArenaBytes).value();
  REQUIRE(arena.promise(kArenaBytes / 2));
  TagHash tags(arena, TagHash::Shape::for_keys(100'000));
  const std::uint64_t hash = 0x0123'4567'89ab'cdef;
  constexpr Offset kRoom = Bucket::kSlots * (Bucket::kMaxDistance + 1);
  for (Offset i = 1; i <= kRoom; ++i) tags.insert(hash, i);
  CHECK(!find(tags, hash, 0).unsure);
  // The next keys make it split in vain, and others that share the segment stay found.
  for (Offset i = kRoom + 1; i <= 2 * kRoom; ++i) tags.insert(hash, i);
  for (Offset i = 2 * kRoom; i <= 50'000; ++i) tags.insert(Rng::mix(i), i);
  for (Offset i = 1; i <= 50'000; ++i) {
    const auto answer = find(tags, i < 2 * kRoom ? hash : Rng::mix(i), i);
    if (i <= kRoom) REQUIRE(answer.record == i);
    REQUIRE((answer.record == i || answer.unsure));
  }
}

#ifndef NDEBUG  // yield points are compiled out of release builds

TEST_CASE(
    "tag hash: a search overtaken by a split, and by new keys in the old slots, looks again") {
  // Acts once, in the middle of a search.
  struct Overtake final : base::Scheduler {
    explicit Overtake(std::function<void()> what) : action(std::move(what)) {
      base::current_scheduler = this;
    }
    ~Overtake() { base::current_scheduler = nullptr; }
    void yield(const char* where) noexcept override {
      if (std::string_view(where) != "memtable: segment found") return;
      base::current_scheduler = nullptr;
      action();
    }
    std::function<void()> action;
  };
  for (Offset wanted = 1; wanted <= TagHash::kSplitAt; wanted += 7) {
    base::Arena arena = base::Arena::create(kArenaBytes / 4).value();
    REQUIRE(arena.promise(kArenaBytes / 8));
    TagHash tags(arena, TagHash::Shape::for_keys(10'000));
    for (Offset i = 1; i <= TagHash::kSplitAt; ++i) tags.insert(Rng::mix(i), i);
    const Overtake overtake([&] {
      for (Offset i = TagHash::kSplitAt + 1; i <= 4 * TagHash::kSplitAt; ++i) {
        tags.insert(Rng::mix(i), i);
      }
    });
    REQUIRE(find(tags, Rng::mix(wanted), wanted).record == wanted);
  }
}

#endif

TEST_CASE("tag hash: candidates are what a search would look at first") {
  base::Arena arena = base::Arena::create(kArenaBytes).value();
  REQUIRE(arena.promise(kArenaBytes / 2));
  TagHash tags(arena, TagHash::Shape::for_keys(10'000));
  std::size_t offered = 0;
  tags.for_candidates(1, [&](Offset) noexcept { ++offered; });
  CHECK(offered == 0);
  for (Offset i = 1; i <= 5000; ++i) tags.insert(Rng::mix(i), i);
  std::size_t right = 0;
  for (Offset i = 1; i <= 5000; ++i) {
    tags.for_candidates(Rng::mix(i), [&](Offset record) noexcept {
      ++offered;
      right += record == i ? 1 : 0;
    });
  }
  CHECK(right > 4000);  // the others are not at home
  CHECK(offered < right + 500);
}
