// Cursor: walks exactly one moment, in order and back, whatever is linked meanwhile.
#include "memtable/cursor.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "memtable/fixture.h"

using namespace siltstone;
using namespace siltstone::memtable;
using base::Sequence;

namespace {

std::vector<std::string> walk(Cursor& cursor) {
  std::vector<std::string> seen;
  for (cursor.seek(""); cursor.valid(); cursor.next()) seen.emplace_back(cursor.key());
  return seen;
}

std::vector<std::string> walk_back(Cursor& cursor) {
  std::vector<std::string> seen;
  for (cursor.seek_last(); cursor.valid(); cursor.previous()) seen.emplace_back(cursor.key());
  std::ranges::reverse(seen);
  return seen;
}

}  // namespace

TEST_CASE("cursor: it begins nowhere, and an empty memtable stays so") {
  const auto table = make_memtable();
  Cursor cursor(*table, Sequence(0));
  CHECK(!cursor.valid());
  cursor.seek("");
  CHECK(!cursor.valid());
  cursor.seek_last();
  CHECK(!cursor.valid());
  cursor.seek_before("a");
  CHECK(!cursor.valid());
}

TEST_CASE("cursor: seeks find the first key at or after, and the last key before") {
  const auto table = make_memtable();
  put(*table, "b", "", 1);
  put(*table, "d", "", 2);
  Cursor cursor(*table, Sequence(2));
  const auto at = [&](auto seek, std::string_view key) -> std::string {
    (cursor.*seek)(key);
    return cursor.valid() ? std::string(cursor.key()) : "nowhere";
  };
  CHECK(at(&Cursor::seek, "a") == "b");
  CHECK(at(&Cursor::seek, "b") == "b");
  CHECK(at(&Cursor::seek, "c") == "d");
  CHECK(at(&Cursor::seek, "e") == "nowhere");
  CHECK(at(&Cursor::seek_before, "b") == "nowhere");
  CHECK(at(&Cursor::seek_before, "c") == "b");
  CHECK(at(&Cursor::seek_before, "d") == "b");
  CHECK(at(&Cursor::seek_before, "e") == "d");
}

TEST_CASE("cursor: erased keys are shown as such, younger keys and versions are passed by") {
  const auto table = make_memtable();
  put(*table, "a", "1", 1);
  put(*table, "b", "1", 2);
  erase(*table, "a", 3);
  Cursor cursor(*table, Sequence(3));
  put(*table, "b", "2", 4);
  put(*table, "c", "1", 5);
  cursor.seek("");
  REQUIRE(cursor.valid());
  CHECK(cursor.key() == "a");
  CHECK(cursor.kind() == Kind::erase);
  CHECK(cursor.sequence() == Sequence(3));
  cursor.next();
  REQUIRE(cursor.valid());
  CHECK(cursor.key() == "b");
  CHECK(cursor.kind() == Kind::value);
  CHECK(cursor.value() == "1");
  cursor.next();
  CHECK(!cursor.valid());
}

TEST_CASE("cursor: what splits the leaf it stands in does not disturb it, in either direction") {
  constexpr std::uint64_t kKeys = 400;
  for (std::uint64_t stop = 0; stop < kKeys; stop += 7) {
    const auto table = make_memtable();
    std::vector<std::string> expected;
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      expected.push_back(decimal(i * 100));
      put(*table, expected.back(), "", i + 1);
    }
    Cursor cursor(*table, Sequence(kKeys));
    cursor.seek(expected[stop]);
    std::uint64_t sequence = kKeys;
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      for (const std::uint64_t between : std::initializer_list<std::uint64_t>{10, 30, 50, 70}) {
        put(*table, decimal(i * 100 + between), "", ++sequence);
      }
    }
    std::vector<std::string> seen;
    for (; cursor.valid(); cursor.next()) seen.emplace_back(cursor.key());
    REQUIRE(seen ==
            std::vector(expected.begin() + static_cast<std::ptrdiff_t>(stop), expected.end()));
    REQUIRE(walk_back(cursor) == expected);
    REQUIRE(walk(cursor) == expected);
  }
}

TEST_CASE("cursor: many versions of one key are passed by") {
  const auto table = make_memtable();
  std::uint64_t at = 0;
  for (int i = 0; i < 1000; ++i) put(*table, "a", std::to_string(i), ++at);
  put(*table, "c", "end", ++at);
  Cursor cursor(*table, Sequence(500));
  cursor.seek("");
  REQUIRE(cursor.valid());
  CHECK(cursor.value() == "499");
  cursor.next();
  CHECK(!cursor.valid());
}
