// Memtable: a read at a sequence sees exactly what was linked at or below it.
#include "memtable/memtable.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using siltstone::base::Sequence;
using siltstone::memtable::Memtable;

static void put(Memtable& table, std::string_view key, std::string_view value, std::uint64_t at) {
  Memtable::Staged staged;
  staged.put(key, value);
  table.link(std::move(staged), Sequence(at));
}

TEST_CASE("memtable: a get sees the newest version at or below its sequence") {
  Memtable table;
  put(table, "k", "one", 3);
  put(table, "k", "two", 5);
  CHECK(!table.get("k", Sequence(2)));
  CHECK(table.get("k", Sequence(3)) == "one");
  CHECK(table.get("k", Sequence(4)) == "one");
  CHECK(table.get("k", Sequence(5)) == "two");
  CHECK(table.get("k", siltstone::base::kMaxSequence) == "two");
}

TEST_CASE("memtable: an erased key is absent from its erasure on, not before") {
  Memtable table;
  put(table, "k", "v", 1);
  Memtable::Staged staged;
  staged.erase("k");
  table.link(std::move(staged), Sequence(2));
  CHECK(table.get("k", Sequence(1)) == "v");
  CHECK(!table.get("k", Sequence(2)));
}

TEST_CASE("memtable: staged operations take sequences in their order, and the last one wins") {
  Memtable table;
  Memtable::Staged staged;
  staged.put("k", "first");
  staged.erase("k");
  staged.put("a", "other");
  staged.put("k", "last");
  CHECK(staged.count() == 4);
  table.link(std::move(staged), Sequence(10));
  CHECK(table.get("k", Sequence(10)) == "first");
  CHECK(!table.get("k", Sequence(11)));
  CHECK(!table.get("a", Sequence(11)));
  CHECK(table.get("a", Sequence(12)) == "other");
  CHECK(table.get("k", Sequence(13)) == "last");
}

TEST_CASE("memtable: keys are bytes: empty, with zeros, a prefix of another, beyond 0x7f") {
  using namespace std::string_view_literals;
  Memtable table;
  const std::vector<std::string_view> keys = {""sv, "\0"sv, "\0\0"sv, "a"sv, "a\0"sv, "\xff"sv};
  std::uint64_t sequence = 0;
  for (const auto key : keys) put(table, key, key, ++sequence);
  for (const auto key : keys) CHECK(table.get(key, Sequence(sequence)) == key);
  CHECK(!table.get("a\0\0"sv, Sequence(sequence)));
}

TEST_CASE("memtable: readers beside a writer see whole versions, and only up to their sequence") {
  constexpr std::uint64_t kWrites = 20'000;
  Memtable table;
  std::atomic<std::uint64_t> visible{0};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kWrites; ++i) {
      put(table, "k" + std::to_string(i % 7), std::to_string(i), i);
      visible.store(i, std::memory_order_release);
    }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t at = 0; at < kWrites;) {
    at = visible.load(std::memory_order_acquire);
    const auto value = table.get("k" + std::to_string(at % 7), Sequence(at));
    wrong += (at != 0 && value != std::to_string(at));
  }
  writer.join();
  CHECK(wrong == 0);
}
