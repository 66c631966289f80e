// Cursor: walks exactly one moment, in order, whatever is linked meanwhile.
#include "memtable/cursor.h"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using siltstone::base::Sequence;
using siltstone::memtable::Cursor;
using siltstone::memtable::Memtable;

namespace {

using State = std::map<std::string, std::string>;

void write(Memtable& table, const std::string& key, std::optional<std::string> value,
           std::uint64_t at) {
  Memtable::Staged staged;
  value ? staged.put(key, *value) : staged.erase(key);
  table.link(std::move(staged), Sequence(at));
}

State walk(Cursor& cursor, const std::string& from) {
  State seen;
  std::string last;
  for (cursor.seek(from); cursor.valid(); cursor.next()) {
    CHECK((seen.empty() || last < cursor.key()));
    last = cursor.key();
    seen.emplace(cursor.key(), cursor.value());
  }
  return seen;
}

}  // namespace

TEST_CASE("cursor: it begins nowhere, and an empty memtable stays so") {
  const Memtable table;
  Cursor cursor(table, Sequence(0));
  CHECK(!cursor.valid());
  cursor.seek("");
  CHECK(!cursor.valid());
}

TEST_CASE("cursor: at every sequence and from every key it walks what an ordered map held then") {
  std::mt19937 random(7);
  Memtable table;
  State state;
  std::vector<State> history{state};
  for (std::uint64_t at = 1; at <= 200; ++at) {
    const std::string key(1, static_cast<char>('a' + random() % 12));
    if (random() % 3 == 0) {
      write(table, key, std::nullopt, at);
      state.erase(key);
    } else {
      write(table, key, std::to_string(at), at);
      state[key] = std::to_string(at);
    }
    history.push_back(state);
  }
  for (std::uint64_t at = 0; at < history.size(); ++at) {
    Cursor cursor(table, Sequence(at));
    for (char from = 'a'; from <= 'm'; ++from) {
      const std::string start(1, from);
      const State expected(history[at].lower_bound(start), history[at].end());
      CHECK(walk(cursor, start) == expected);
    }
  }
}

TEST_CASE("cursor: entries linked during the walk are passed by") {
  Memtable table;
  write(table, "a", "1", 1);
  write(table, "c", "2", 2);
  Cursor cursor(table, Sequence(2));
  cursor.seek("");
  write(table, "b", "new", 3);
  write(table, "c", "new", 4);
  write(table, "d", "new", 5);
  cursor.next();
  REQUIRE(cursor.valid());
  CHECK(cursor.key() == "c");
  CHECK(cursor.value() == "2");
  cursor.next();
  CHECK(!cursor.valid());
}

TEST_CASE("cursor: many versions of one key, and many erased keys, are passed by") {
  Memtable table;
  std::uint64_t at = 0;
  for (int i = 0; i < 1000; ++i) write(table, "a", "old", ++at);
  for (int i = 0; i < 1000; ++i) write(table, "b" + std::to_string(i), std::nullopt, ++at);
  write(table, "c", "end", ++at);
  Cursor cursor(table, Sequence(at));
  CHECK(walk(cursor, "") == State{{"a", "old"}, {"c", "end"}});
}
