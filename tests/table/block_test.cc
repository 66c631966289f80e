// Finding in a block: what tags, lines and heads lead to is what a walk over all entries finds.
#include "table/block.h"

#include "table/fixture.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

// The first entry, by a plain walk, that is not before a version of a key.
std::size_t place_of(const std::vector<OwnedEntry>& entries, std::string_view key,
                     std::uint64_t sequence) {
  std::size_t place = 0;
  while (place < entries.size() && is_before(entries[place], key, sequence)) ++place;
  return place;
}

void check_find(const Block& block, const std::vector<OwnedEntry>& entries, std::string_view key,
                std::uint64_t sequence) {
  const std::size_t place = place_of(entries, key, sequence);
  const bool is_here = place < entries.size() && entries[place].key == key;
  BlockEntry found;
  const Lookup outcome = block.find(key, hash_of(key), base::Sequence(sequence), found);
  REQUIRE(outcome == (is_here ? Lookup::found : Lookup::absent));
  REQUIRE(block.lower_bound(key, base::Sequence(sequence)) == place);
  if (!is_here) return;
  const OwnedEntry& expected = entries[place];
  REQUIRE(found.sequence.value() == expected.sequence);
  REQUIRE(found.kind == expected.kind);
  REQUIRE(found.expiry == expected.expiry);
  REQUIRE(found.outside == expected.outside.has_value());
  if (expected.outside) {
    REQUIRE(decode_reference(found.value) == *expected.outside);
  } else {
    REQUIRE(found.value == expected.value);
  }
}

// Keys that are there, that differ a little from those, and that have nothing to do with them.
void check_block(const std::vector<OwnedEntry>& entries, Shape shape, support::Rng& rng) {
  const Frame frame = load_all(entries);
  const Block block(frame.data());
  REQUIRE(block.entries() == entries.size());
  const auto longest = std::ranges::max_element(
      entries, {}, [](const OwnedEntry& entry) { return entry.key.size(); });
  REQUIRE(block.longest_key() == longest->key.size());
  const std::uint64_t newest = base::kMaxSequence.value();
  for (const OwnedEntry& entry : entries) {
    check_find(block, entries, entry.key, newest);
    check_find(block, entries, entry.key, entry.sequence);
    if (entry.sequence > 0) check_find(block, entries, entry.key, entry.sequence - 1);
    check_find(block, entries, entry.key + '\0', newest);
    check_find(block, entries, entry.key.substr(0, entry.key.size() - 1), newest);
    std::string near = entry.key;
    near[rng.below(near.size())] ^= static_cast<char>(1U << rng.below(8));
    check_find(block, entries, near, newest);
    check_find(block, entries, random_key(shape, rng), rng.below(newest));
  }
  check_find(block, entries, "", newest);
  check_find(block, entries, std::string(400, '\xff'), newest);
}

}  // namespace

TEST_CASE("block: find and lower_bound agree with a walk, with tags side by side and in lines") {
  support::Rng rng(1);
  for (const Shape shape : kShapes) {
    for (const std::size_t count :
         {1UL, 2UL, 3UL, 15UL, 33UL, 63UL, 64UL, 65UL, 66UL, 127UL, 400UL}) {
      for (const bool is_rich : {false, true}) {
        const std::size_t longest = count < 70 ? 100 : 5;
        const bool is_long = shape == Shape::shared_prefix || shape == Shape::long_tail;
        if (is_long && count > 200) continue;  // do not fit
        check_block(random_entries(rng, shape, count, longest, is_rich), shape, rng);
      }
    }
  }
}

TEST_CASE("block: as many entries as fit into the largest frame are all found, and no others") {
  std::vector<OwnedEntry> entries;
  for (std::uint64_t i = 0; i < 4480; ++i) {
    const char low[] = {static_cast<char>(i >> 8), static_cast<char>(i)};
    entries.push_back({key_text({low, 2}), 1, base::EntryKind::value, 0, "", {}});
  }
  const Frame frame = load_all(entries);
  const Block block(frame.data());
  BlockEntry entry;
  for (const OwnedEntry& expected : entries) {
    const std::string& key = expected.key;
    REQUIRE(block.find(key, hash_of(key), base::Sequence(1), entry) == Lookup::found);
    REQUIRE(key.ends_with(entry.suffix));
    const std::string longer = key + "x";
    REQUIRE(block.find(longer, hash_of(longer), base::Sequence(1), entry) == Lookup::absent);
  }
}

TEST_CASE("block: many versions of a key beside other keys, each found at its sequence") {
  for (const std::uint64_t versions : {40UL, 300UL, 2000UL}) {
    std::vector<OwnedEntry> entries;
    const auto add = [&](const char* key, std::uint64_t sequence) {
      entries.push_back({key_text(key), sequence, base::EntryKind::erase, 0, "", {}});
    };
    add("a", 3);
    for (std::uint64_t i = 0; i < versions; ++i) add("key", 2 * (versions - i));
    add("z", 3);
    const Frame frame = load_all(entries);
    const Block block(frame.data());
    for (std::uint64_t sequence = 0; sequence <= 2 * versions + 1; ++sequence) {
      check_find(block, entries, key_text("key"), sequence);
    }
    check_find(block, entries, key_text("a"), 9);
    check_find(block, entries, key_text("z"), 9);
    check_find(block, entries, key_text("kez"), 9);
  }
}

TEST_CASE("block: a key that goes on in the next block says so when nothing here is old enough") {
  std::vector<OwnedEntry> entries;
  for (std::uint64_t i = 0; i < 200; ++i) {
    entries.push_back(
        {key_text("key"), 1000 - i, base::EntryKind::value, 0, std::string(90, 'v'), {}});
  }
  const auto blocks = build(entries, {});
  REQUIRE(blocks.size() > 2);
  std::uint64_t newest = 1000;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Frame frame = load(blocks[i].raw);
    const Block block(frame.data());
    const std::uint64_t oldest = newest - blocks[i].entries + 1;
    const auto find = [&](std::string_view user_key, std::uint64_t at) {
      const std::string key = key_text(user_key);
      BlockEntry entry;
      const Lookup lookup = block.find(key, hash_of(key), base::Sequence(at), entry);
      if (lookup == Lookup::found) CHECK(entry.sequence.value() == std::min(at, newest));
      return lookup;
    };
    CHECK(find("key", 5000) == Lookup::found);
    CHECK(find("key", newest) == Lookup::found);
    CHECK(find("key", oldest) == Lookup::found);
    const bool is_last = i + 1 == blocks.size();
    CHECK(find("key", oldest - 1) == (is_last ? Lookup::absent : Lookup::continued));
    CHECK(find("ke", 5000) == Lookup::absent);
    CHECK(find("kez", 5000) == Lookup::absent);
    newest = oldest - 1;
  }
}

TEST_CASE("block: hints name the lines that searches read") {
  support::Rng rng(3);
  for (const std::size_t count : {1UL, 33UL, 64UL, 65UL, 300UL}) {
    const auto entries = random_entries(rng, Shape::decimal, count, 5, false);
    const Frame frame = load_all(entries);
    const Block block(frame.data());
    const std::uint16_t hint = frame_hint(frame.data());
    const std::string_view prefix = block.prefix();
    const auto layout = block_layout(block.entries(), static_cast<std::uint32_t>(prefix.size()));
    CHECK(((hint & kHintLines) != 0) == (count > 64));
    if (count <= 64) {
      CHECK((hint & 0xfU) * kLineBytes >= layout.slots + 2 * count + 2);
      CHECK((hint & 0xfU) * kLineBytes < layout.slots + 2 * count + 2 + kLineBytes);
      CHECK((hint >> 4) * kLineBytes >= layout.entries);
    } else {
      CHECK((hint & 0xfffU) == layout.lines);
      CHECK((hint >> 12 & 7U) * kLineBytes == layout.tags);
    }
    prefetch_for_find(frame.data(), hint, rng.next());
    prefetch_for_seek(frame.data(), hint);
  }
}
