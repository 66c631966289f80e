// Bounds: what staging reserved is enough for linking, whatever the order of the keys; a full
// memtable says so, and is as it was.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "memtable/cursor.h"
#include "memtable/fixture.h"
#include "memtable/staged.h"

using namespace siltstone;
using namespace siltstone::memtable;
using base::Sequence;
using support::Rng;

namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;

struct Order {
  const char* name;
  std::function<std::string(std::uint64_t)> key;
};

// Orders that split as often as can be: each key beside the last one, at the ends of leaves.
const std::vector<Order> kOrders = {
    {"random", [](std::uint64_t i) { return big_endian(Rng::mix(i)); }},
    {"urls", [](std::uint64_t i) { return key_of(Shape::url, i); }},
    {"ascending", [](std::uint64_t i) { return big_endian(i); }},
    {"descending", [](std::uint64_t i) { return big_endian(UINT64_MAX - i); }},
    {"descending behind a full leaf",
     [](std::uint64_t i) { return big_endian(i < 40 ? i : UINT64_MAX - i); }},
    {"from both ends", [](std::uint64_t i) { return big_endian(i % 2 == 0 ? i : UINT64_MAX - i); }},
    {"towards the middle of every forty",
     [](std::uint64_t i) {
       const std::uint64_t j = i % 80;
       return big_endian((i / 80) << 32 | (j < 41 ? j : 1000 - j));
     }},
    {"forty up, then one down, again and again",
     [](std::uint64_t i) {
       return big_endian(i % 41 == 40 ? (i / 41) << 32 | 50 : (i / 41 + 1) << 32 | i % 41);
     }},
};

/// Fills to the brim, one key at a time; how many fit.
std::uint64_t fill(Memtable& table, const Order& order, std::string_view value) {
  for (std::uint64_t i = 0;; ++i) {
    Memtable::Staged staged(table);
    if (!staged.put(order.key(i), value)) return i;
    table.link(std::move(staged), Sequence(i + 1));
  }
}

}  // namespace

TEST_CASE("memtable bounds: it fills to the brim in every order, keeps all, and never overruns") {
  for (const Order& order : kOrders) {
    for (const std::size_t value_bytes : std::initializer_list<std::size_t>{0, 100}) {
      CAPTURE(order.name);
      const auto table = make_memtable(kBytes);
      const std::uint64_t count = fill(*table, order, std::string(value_bytes, 'v'));
      const auto usage = table->usage();
      CHECK(usage.reserved <= usage.capacity);
      CHECK(usage.records + usage.index <= usage.reserved);
      CHECK(usage.keys == count);
      const std::size_t index = usage.reserved - usage.records;
      CHECK(index >= count * kIndexBytesPerKey);
      CHECK(index < count * kIndexBytesPerKey + kBytes / 50);
      for (std::uint64_t i = 0; i < count; ++i) {
        REQUIRE(table->get(order.key(i), Sequence(count))->sequence == Sequence(i + 1));
      }
      Cursor cursor(*table, Sequence(count));
      std::uint64_t walked = 0;
      for (cursor.seek(""); cursor.valid(); cursor.next()) ++walked;
      CHECK(walked == count);
    }
  }
}

TEST_CASE("memtable bounds: a batch larger than any before finds what it reserved") {
  for (const Order& order : kOrders) {
    CAPTURE(order.name);
    const auto table = make_memtable(kBytes);
    Memtable::Staged staged(*table);
    std::uint64_t count = 0;
    while (staged.put(order.key(count), "")) ++count;
    CHECK(staged.count() == count);
    CHECK(count > kBytes / 200);
    table->link(std::move(staged), Sequence(1));
    CHECK(table->usage().keys == count);
    CHECK(table->usage().reserved <= kBytes);
  }
}

TEST_CASE("memtable bounds: a full one refuses, is as it was, and takes what still fits") {
  const auto table = make_memtable(kBytes);
  const std::uint64_t count = fill(*table, kOrders[0], std::string(1000, 'v'));
  const auto before = table->usage();
  Memtable::Staged staged(*table);
  CHECK(!staged.put("new", std::string(1000, 'v')));
  CHECK(staged.count() == 0);
  CHECK(table->usage().reserved == before.reserved);
  CHECK(table->usage().records == before.records);
  REQUIRE(staged.erase("small"));
  table->link(std::move(staged), Sequence(count + 1));
  CHECK(table->get("small", Sequence(count + 1))->kind == Kind::erase);
}

TEST_CASE("memtable bounds: what was staged before one that is refused is found by its key") {
  const auto table = make_memtable(kBytes);
  put(*table, "b", "", 1);
  Memtable::Staged staged(*table);
  REQUIRE(staged.put("a", "1"));
  CHECK(!staged.put("c", std::string(kBytes, 'v')));
  CHECK(staged.count() == 1);
  table->link(std::move(staged), Sequence(2));
  REQUIRE(table->get("a", Sequence(2)));
  CHECK(table->get("a", Sequence(2))->value == "1");
  Cursor cursor(*table, Sequence(2));
  cursor.seek("");
  CHECK(cursor.key() == "a");
}

TEST_CASE("memtable bounds: what was staged and dropped is room again") {
  const auto table = make_memtable(kBytes);
  put(*table, "old", "", 1);
  const auto before = table->usage();
  for (int i = 0; i < 10'000; ++i) {
    Memtable::Staged staged(*table);
    REQUIRE(staged.put("new", std::string(1000, 'v')));
    CHECK(table->usage().reserved > before.reserved);
  }
  for (int i = 0; i < 10'000; ++i) {
    Memtable::Staged staged(*table);
    REQUIRE(staged.put("old", std::string(1000, 'v')));
  }
  for (int i = 0; i < 10'000; ++i) {
    Memtable::Staged staged(*table);
    REQUIRE(staged.put("new", std::string(1000, 'v')));
    REQUIRE(staged.put("old", std::string(1000, 'v')));
    REQUIRE(staged.erase("newer"));
  }
  CHECK(table->usage().reserved == before.reserved);
  CHECK(table->usage().records == before.records);
  CHECK(!table->get("new", base::kMaxSequence));
}

TEST_CASE("memtable bounds: what was dropped beside another write takes nothing of that") {
  const auto table = make_memtable(kBytes);
  Memtable::Staged kept(*table);
  REQUIRE(kept.put("a", "1"));
  {
    Memtable::Staged staged(*table);
    REQUIRE(staged.put("b", "2"));
    REQUIRE(kept.put("c", "3"));
    REQUIRE(staged.put("d", "4"));
  }
  REQUIRE(kept.put("e", "5"));
  table->link(std::move(kept), Sequence(1));
  put(*table, "f", std::string(1000, '6'), 4);
  const std::pair<const char*, const char*> expected[] = {{"a", "1"}, {"c", "3"}, {"e", "5"}};
  for (const auto& [key, value] : expected) CHECK(table->get(key, Sequence(4))->value == value);
  CHECK(!table->get("b", Sequence(4)));
  CHECK(!table->get("d", Sequence(4)));
}

TEST_CASE("memtable bounds: overwriting takes no room in the index") {
  const auto table = make_memtable(kBytes);
  put(*table, "k", "", 1);
  const auto before = table->usage();
  for (std::uint64_t i = 2; i < 1000; ++i) put(*table, "k", "", i);
  CHECK(table->usage().index == before.index);
  CHECK(table->usage().reserved == before.reserved + 998 * Version::bytes(Kind::value, 0));
}

TEST_CASE("memtable bounds: a key linked twice by two writes is promised its index once") {
  const auto table = make_memtable(kBytes);
  Memtable::Staged one(*table);
  Memtable::Staged two(*table);
  REQUIRE(one.put("k", ""));
  REQUIRE(two.put("k", ""));
  const std::size_t both = table->usage().reserved;
  table->link(std::move(one), Sequence(1));
  CHECK(table->usage().reserved == both);
  table->link(std::move(two), Sequence(2));
  CHECK(table->usage().reserved == both - kIndexBytesPerKey);
}
