// Building blocks: sizes are known to the byte before the end, limits hold, and versions of a key
// stay together as long as they can.
#include "table/block_builder.h"

#include <map>

#include "table/block_cursor.h"
#include "table/fixture.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

// All entries of blocks, as they are read back.
std::vector<OwnedEntry> read_back(const std::vector<RawBlock>& blocks) {
  std::vector<OwnedEntry> entries;
  for (const RawBlock& block : blocks) {
    const Frame frame = load(block.raw);
    BlockCursor cursor;
    cursor.enter(Block(frame.data()));
    for (cursor.seek_first(); cursor.valid(); cursor.next()) {
      OwnedEntry entry{std::string(cursor.key()), cursor.sequence().value(),   cursor.kind(),
                       cursor.expiry(),           std::string(cursor.value()), {}};
      if (cursor.is_outside()) {
        entry.outside = decode_reference(cursor.value());
        entry.value.clear();
      }
      entries.push_back(entry);
    }
  }
  return entries;
}

void check_same(const std::vector<OwnedEntry>& a, const std::vector<OwnedEntry>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    REQUIRE(a[i].key == b[i].key);
    REQUIRE(a[i].sequence == b[i].sequence);
    REQUIRE(a[i].kind == b[i].kind);
    REQUIRE(a[i].expiry == b[i].expiry);
    REQUIRE(a[i].value == b[i].value);
    REQUIRE(a[i].outside == b[i].outside);
  }
}

// Versions of one key, newest first, and something before and behind it.
std::vector<OwnedEntry> many_versions(std::size_t before, std::size_t versions,
                                      std::size_t behind) {
  std::vector<OwnedEntry> entries;
  const auto add = [&](const std::string& key, std::uint64_t sequence) {
    entries.push_back(
        {key_text(key), sequence, base::EntryKind::value, 0, std::string(90, 'v'), {}});
  };
  for (std::size_t i = 0; i < before; ++i) add("a" + decimal(i), 5);
  for (std::size_t i = 0; i < versions; ++i) add("key", versions - i);
  for (std::size_t i = 0; i < behind; ++i) add("z" + decimal(i), 5);
  return entries;
}

}  // namespace

TEST_CASE("block builder: all that went in comes out, in order, for every shape and size") {
  support::Rng rng(1);
  for (const Shape shape : kShapes) {
    for (const std::size_t longest_value : {0UL, 20UL, 200UL, 20'000UL}) {
      for (const bool is_rich : {false, true}) {
        const auto entries = random_entries(rng, shape, 300, longest_value, is_rich);
        const std::size_t frame_bytes = kFrameUnitBytes << rng.below(5);
        const std::size_t raw_bytes = rng.coin() ? frame_bytes : rng.between(50, frame_bytes);
        const auto blocks = build(entries, {.raw_bytes = raw_bytes, .frame_bytes = frame_bytes});
        check_same(read_back(blocks), entries);
      }
    }
  }
}

TEST_CASE("block builder: sizes are exact at every step, and limits hold but for a first entry") {
  support::Rng rng(2);
  for (int round = 0; round < 60; ++round) {
    const auto shape = kShapes[rng.below(std::size(kShapes))];
    const auto entries = random_entries(rng, shape, 200, rng.coin() ? 10 : 400, rng.coin());
    const BlockLimits limits{.raw_bytes = rng.between(100, 8192), .frame_bytes = 8192};
    BlockBuilder builder(limits);
    std::size_t raw_bytes = 0;
    std::size_t memory_bytes = 0;
    const auto check_block = [&] {
      const RawBlock block = finish(builder);
      if (builder.empty()) {  // nothing was left for the next one
        CHECK(block.raw.size() == raw_bytes);
        CHECK(read_block_shape(block.raw)->bytes == memory_bytes);
      }
      CHECK((block.entries == 1 || block.raw.size() <= limits.raw_bytes));
      CHECK((block.entries == 1 || read_block_shape(block.raw)->bytes <= limits.frame_bytes));
    };
    const auto note_sizes = [&] {
      raw_bytes = builder.raw_bytes();
      memory_bytes = builder.memory_bytes();
    };
    for (const OwnedEntry& entry : entries) {
      while (!add_to(builder, entry)) {
        note_sizes();
        check_block();
      }
      note_sizes();
    }
    while (!builder.empty()) check_block();
  }
}

TEST_CASE("block builder: a block is as full as its limits allow") {
  const auto entries = many_versions(200, 1, 200);
  const auto blocks = build(entries, {.raw_bytes = 4096, .frame_bytes = 4096});
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
    const std::size_t bytes = read_block_shape(blocks[i].raw)->bytes;
    CHECK(bytes <= 4096);
    CHECK(bytes > 4096 - 130);  // an entry more is 17 + 90 + 4 + 7 and a shorter prefix
  }
}

TEST_CASE("block builder: versions of a key move on together rather than be parted") {
  // Alone they fit; behind 20 other entries they do not.
  const auto blocks = build(many_versions(20, 25, 30), {.raw_bytes = 4096, .frame_bytes = 4096});
  std::map<std::string, std::size_t> blocks_of_key;
  for (const RawBlock& block : blocks) {
    CHECK(!block.is_continuation);
    const Frame frame = load(block.raw);
    CHECK(!Block(frame.data()).is_continued());
    ++blocks_of_key[block.first_key];
    if (block.first_key != block.last_key) ++blocks_of_key[block.last_key];
  }
  CHECK(blocks_of_key[key_text("key")] == 1);
  CHECK(blocks.front().entries == 20);
}

TEST_CASE("block builder: versions beyond a block go on in blocks of their own") {
  const auto entries = many_versions(3, 200, 3);
  const auto blocks = build(entries, {.raw_bytes = 4096, .frame_bytes = 4096});
  REQUIRE(blocks.size() > 5);
  check_same(read_back(blocks), entries);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Frame frame = load(blocks[i].raw);
    const Block block(frame.data());
    const bool is_edge = i == 0 || i + 1 == blocks.size();
    const std::string& first_key = blocks[i].first_key;
    CHECK((first_key == key_text("key")) == !is_edge);
    if (!is_edge) CHECK(blocks[i].last_key == first_key);
    CHECK(block.is_continuation() == (i >= 2 && !is_edge));
    CHECK(block.is_continuation() == blocks[i].is_continuation);
    CHECK(block.is_continued() == (!is_edge && i + 2 < blocks.size()));
  }
}

TEST_CASE("block builder: a block of plain values stores neither kinds nor sequences") {
  std::vector<OwnedEntry> entries;
  for (std::uint64_t i = 0; i < 10; ++i)
    entries.push_back({key_text(decimal(i)), 9, {}, 0, "v", {}});
  for (OwnedEntry& entry : entries) entry.kind = base::EntryKind::value;
  const std::size_t plain = build(entries, {})[0].raw.size();
  CHECK(plain == 12 + 19 + 10 * (1 + 1 + 1 + 1));
  entries[5].sequence = 8;
  CHECK(build(entries, {})[0].raw.size() == plain + std::size_t{2} * 10);
  entries[5].sequence = 9;
  entries[5].kind = base::EntryKind::erase;
  entries[5].value.clear();
  CHECK(build(entries, {})[0].raw.size() == plain + std::size_t{2} * 10 - 1);
}

TEST_CASE("block builder: the longest key and the longest value inside make a block of their own") {
  std::vector<OwnedEntry> entries;
  const std::string longest_key = key_text(std::string(kMaxKeyBytes - kKeyspaceBytes, 'k'));
  entries.push_back({key_text("a"), 3, base::EntryKind::value, 0, "v", {}});
  for (const std::uint64_t sequence : {base::kMaxSequence.value(), std::uint64_t{0}}) {
    entries.push_back({longest_key,
                       sequence,
                       base::EntryKind::value_with_expiry,
                       INT64_MIN,
                       std::string(kMaxInsideValueBytes, 'v'),
                       {}});
  }
  entries.push_back({key_text("z"), 3, base::EntryKind::value, 0, "v", {}});
  const auto blocks = build(entries, {});
  REQUIRE(blocks.size() == 4);
  CHECK(blocks[1].raw.size() <= kMaxRawBlockBytes);
  CHECK(read_block_shape(blocks[1].raw)->frame_bytes > kMaxFrameBytes);
  CHECK(blocks[2].is_continuation);
  check_same(read_back(blocks), entries);
}

TEST_CASE("block builder: limits may change from block to block") {
  const auto entries = many_versions(300, 0, 0);
  BlockBuilder builder({.raw_bytes = 4096, .frame_bytes = 4096});
  std::size_t i = 0;
  while (builder.add(entries[i].view())) ++i;
  const std::uint32_t first = finish(builder).entries;
  builder.set_limits({.raw_bytes = 8192, .frame_bytes = 8192});
  while (builder.add(entries[i].view())) ++i;
  CHECK(finish(builder).entries > 2 * first - 6);
}
