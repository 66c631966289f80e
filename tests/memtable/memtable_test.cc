// Memtable: a read at a sequence sees exactly what was linked at or below it.
#include "memtable/memtable.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "memtable/fixture.h"

using namespace siltstone;
using namespace siltstone::memtable;
using base::Sequence;

TEST_CASE("memtable: a get sees the newest version at or below its sequence") {
  const auto table = make_memtable();
  put(*table, "k", "one", 3);
  put(*table, "k", "two", 5);
  CHECK(!table->get("k", Sequence(2)));
  CHECK(value_at(*table, "k", 3) == "one");
  CHECK(value_at(*table, "k", 4) == "one");
  CHECK(value_at(*table, "k", 5) == "two");
  CHECK(table->get("k", base::kMaxSequence)->sequence == Sequence(5));
}

TEST_CASE("memtable: an erased key is told from one that never was") {
  const auto table = make_memtable();
  put(*table, "k", "v", 1);
  erase(*table, "k", 2);
  CHECK(value_at(*table, "k", 1) == "v");
  CHECK(table->get("k", Sequence(2))->kind == Kind::erase);
  CHECK(table->get("k", Sequence(2))->value.empty());
  CHECK(!table->get("other", Sequence(2)));
}

TEST_CASE("memtable: an expiry is kept beside its value") {
  const auto table = make_memtable();
  Memtable::Staged staged(*table);
  REQUIRE(staged.put("k", "v", 1'700'000'000'123));
  REQUIRE(staged.put("past", "", -1));
  table->link(std::move(staged), Sequence(1));
  const auto entry = table->get("k", Sequence(2));
  CHECK(entry->kind == Kind::value_with_expiry);
  CHECK(entry->expiry == 1'700'000'000'123);
  CHECK(entry->value == "v");
  CHECK(table->get("past", Sequence(2))->expiry == -1);
}

TEST_CASE("memtable: staged operations take sequences in their order, and the last one wins") {
  const auto table = make_memtable();
  Memtable::Staged staged(*table);
  REQUIRE(staged.put("k", "first"));
  REQUIRE(staged.erase("k"));
  REQUIRE(staged.put("a", "other"));
  REQUIRE(staged.put("k", "last"));
  CHECK(staged.count() == 4);
  table->link(std::move(staged), Sequence(10));
  CHECK(value_at(*table, "k", 10) == "first");
  CHECK(!value_at(*table, "k", 11));
  CHECK(!value_at(*table, "a", 11));
  CHECK(value_at(*table, "a", 12) == "other");
  CHECK(value_at(*table, "k", 13) == "last");
  CHECK(table->usage().keys == 2);
}

TEST_CASE("memtable: writes staged before one another of the same key both count, in link order") {
  const auto table = make_memtable();
  Memtable::Staged one(*table);
  Memtable::Staged two(*table);
  REQUIRE(one.put("k", "one"));
  REQUIRE(two.put("k", "two"));
  table->link(std::move(two), Sequence(1));
  table->link(std::move(one), Sequence(2));
  CHECK(value_at(*table, "k", 1) == "two");
  CHECK(value_at(*table, "k", 2) == "one");
}

TEST_CASE("memtable: keys are bytes: empty, with zeros, a prefix of another, beyond 0x7f") {
  using namespace std::string_view_literals;
  const auto table = make_memtable();
  const std::vector<std::string_view> keys = {""sv, "\0"sv, "\0\0"sv, "a"sv, "a\0"sv, "\xff"sv};
  std::uint64_t sequence = 0;
  for (const auto key : keys) put(*table, key, key, ++sequence);
  for (const auto key : keys) CHECK(value_at(*table, key, sequence) == key);
  CHECK(!table->get("a\0\0"sv, Sequence(sequence)));
}

TEST_CASE("memtable: keyspaces are apart, in gets and in walks") {
  const auto table = make_memtable();
  const std::vector<base::KeyspaceId> spaces = {base::KeyspaceId(0), base::KeyspaceId(7),
                                                base::KeyspaceId(UINT32_MAX)};
  std::uint64_t sequence = 0;
  for (int i = 0; i < 200; ++i) {
    for (const auto space : spaces) {
      Memtable::Staged staged(*table);
      REQUIRE(staged.put(Key(space, std::to_string(i)), std::to_string(space.value())));
      table->link(std::move(staged), Sequence(++sequence));
    }
  }
  CHECK(!table->get(Key(base::KeyspaceId(1), "5"), Sequence(sequence)));
  for (const auto space : spaces) {
    CHECK(value_at(*table, Key(space, "5"), sequence) == std::to_string(space.value()));
    Cursor cursor(*table, Sequence(sequence), space);
    int forward = 0;
    for (cursor.seek(""); cursor.valid(); cursor.next()) {
      forward += cursor.value() == std::to_string(space.value()) ? 1 : 1000;
    }
    CHECK(forward == 200);
    int backward = 0;
    for (cursor.seek_last(); cursor.valid(); cursor.previous()) ++backward;
    CHECK(backward == 200);
  }
}

TEST_CASE("memtable: a batch of gets answers as single gets do, in the order asked") {
  const auto table = make_memtable();
  constexpr std::uint64_t kKeys = 5000;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    put(*table, key_of(Shape::url, i), std::to_string(i), i + 1);
  }
  std::vector<std::string> texts;
  texts.reserve(1000);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    texts.push_back(key_of(Shape::url, support::Rng::mix(i) % (2 * kKeys)));
  }
  const std::vector<Key> keys(texts.begin(), texts.end());
  for (const std::size_t count : std::initializer_list<std::size_t>{0, 1, 31, 32, 33, 1000}) {
    std::vector<std::optional<Entry>> entries(count);
    table->get_batch(std::span(keys).first(count), Sequence(kKeys / 2), entries);
    for (std::size_t i = 0; i < count; ++i) {
      const auto single = table->get(keys[i], Sequence(kKeys / 2));
      REQUIRE(entries[i].has_value() == single.has_value());
      if (single) REQUIRE(entries[i]->value == single->value);
    }
  }
}

TEST_CASE("memtable: arenas go back to their pool, and serve again") {
  const auto pool = std::make_shared<base::ArenaPool>(1 << 20, 1);
  for (std::uint64_t round = 0; round < 3; ++round) {
    const auto table = Memtable::create(pool, round).value();
    CHECK(pool->idle_count() == 0);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      CHECK(!table->get(key_of(Shape::decimal, i), base::kMaxSequence));
      put(*table, key_of(Shape::decimal, i), std::to_string(round), i + 1);
    }
    CHECK(value_at(*table, key_of(Shape::decimal, 7), 1000) == std::to_string(round));
  }
  CHECK(pool->idle_count() == 1);
  CHECK(Memtable::create(std::make_shared<base::ArenaPool>(4096, 1), 0).error().code() ==
        ErrorCode::invalid_argument);
}
