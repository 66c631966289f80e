// Walks over a block: every entry once, both ways, from any place, with keys whole.
#include "table/block_cursor.h"

#include "table/fixture.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

void check_at(const BlockCursor& cursor, const OwnedEntry& expected) {
  REQUIRE(cursor.valid());
  REQUIRE(cursor.key() == expected.key);
  REQUIRE(cursor.sequence().value() == expected.sequence);
  REQUIRE(cursor.kind() == expected.kind);
  REQUIRE(cursor.expiry() == expected.expiry);
  REQUIRE(cursor.is_outside() == expected.outside.has_value());
  if (!expected.outside) REQUIRE(cursor.value() == expected.value);
  REQUIRE(cursor.entry().key == expected.key);
}

}  // namespace

TEST_CASE("block cursor: forward and backward, every entry once") {
  support::Rng rng(1);
  for (const Shape shape : kShapes) {
    for (const std::size_t count : {1UL, 2UL, 33UL, 65UL, 150UL}) {
      const auto entries = random_entries(rng, shape, count, 60, true);
      const Frame frame = load_all(entries);
      BlockCursor cursor;
      CHECK(!cursor.valid());
      cursor.enter(Block(frame.data()));
      CHECK(!cursor.valid());
      cursor.set_ahead(rng.coin() ? frame.data() : nullptr);
      cursor.seek_first();
      for (const OwnedEntry& entry : entries) {
        check_at(cursor, entry);
        cursor.next();
      }
      CHECK(!cursor.valid());
      cursor.seek_last();
      for (std::size_t i = entries.size(); i-- > 0;) {
        check_at(cursor, entries[i]);
        cursor.previous();
      }
      CHECK(!cursor.valid());
    }
  }
}

TEST_CASE(
    "block cursor: seeks go to the first not before, or the last before, a version of a key") {
  support::Rng rng(2);
  for (const Shape shape : kShapes) {
    const auto entries = random_entries(rng, shape, 120, 20, true);
    const Frame frame = load_all(entries);
    BlockCursor cursor;
    cursor.enter(Block(frame.data()));
    for (int round = 0; round < 500; ++round) {
      const std::string key =
          rng.coin() ? entries[rng.below(entries.size())].key : random_key(shape, rng);
      const std::uint64_t at = rng.coin() ? base::kMaxSequence.value() : rng.below(100);
      const auto place = static_cast<std::size_t>(std::ranges::count_if(
          entries, [&](const OwnedEntry& entry) { return is_before(entry, key, at); }));
      cursor.seek(key, base::Sequence(at));
      REQUIRE(cursor.valid() == (place < entries.size()));
      if (cursor.valid()) check_at(cursor, entries[place]);
      cursor.seek_before(key, base::Sequence(at));
      REQUIRE(cursor.valid() == (place > 0));
      if (cursor.valid()) check_at(cursor, entries[place - 1]);
    }
    cursor.seek(entries[7].key);
    const std::string first = entries[7].key;
    CHECK(cursor.key() == first);
    cursor.previous();
    if (cursor.valid()) CHECK(cursor.key() < std::string_view(first));
  }
}

TEST_CASE("block cursor: goes from block to block, whose prefixes and longest keys differ") {
  const auto block_of = [](const std::string& prefix, std::size_t longest) {
    std::vector<OwnedEntry> entries;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, longest}) {
      entries.push_back(
          {key_text(prefix + std::string(size, 'k')), 1, base::EntryKind::value, 0, "v", {}});
    }
    return entries;
  };
  BlockCursor cursor;
  for (const std::size_t longest : {3UL, 500UL, 15UL, 40'000UL, 16UL}) {
    const auto entries = block_of(std::string(longest % 256, 'p'), longest);
    const Frame frame = load_all(entries);
    cursor.enter(Block(frame.data()));
    CHECK(!cursor.valid());
    cursor.seek_first();
    for (const OwnedEntry& entry : entries) {
      check_at(cursor, entry);
      cursor.next();
    }
    cursor.leave();
    CHECK(!cursor.valid());
  }
  const auto entries = block_of("moved", 10);
  const Frame frame = load_all(entries);
  cursor.enter(Block(frame.data()));
  cursor.seek_last();
  const BlockCursor other = std::move(cursor);
  check_at(other, entries.back());
}
