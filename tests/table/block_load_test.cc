// Loading blocks nobody vouches for: each rule has a block that breaks it alone, and no bytes
// whatever do harm.
#include "table/block_load.h"

#include "base/coding.h"
#include "table/block_cursor.h"
#include "table/fixture.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

// A raw block written field by field.
struct Written {
  explicit Written(std::uint16_t entries, std::uint8_t flags = 0, std::string_view prefix = "",
                   std::uint64_t base = 100) {
    base::Appender out(bytes);
    out.u16(entries);
    out.u8(static_cast<std::uint8_t>(prefix.size()));
    out.u8(flags);
    out.u64(base);
    out.bytes(base::as_bytes(prefix));
  }
  Written& plain(std::string_view suffix, std::string_view value = "v") {
    base::Appender out(bytes);
    out.varint(suffix.size());
    out.varint(value.size());
    out.bytes(base::as_bytes(suffix));
    out.bytes(base::as_bytes(value));
    return *this;
  }
  Written& rich(std::string_view suffix, std::uint8_t kind, std::int64_t distance,
                std::string_view value = "") {
    base::Appender out(bytes);
    out.varint(suffix.size());
    out.varint(value.size());
    out.u8(kind);
    out.varint(zigzag(distance));
    if ((kind & ~kOutside) == 3) out.u64(12'345);
    out.bytes(base::as_bytes(suffix));
    out.bytes(base::as_bytes(value));
    return *this;
  }
  Written& raw(std::string_view text) {
    base::Appender(bytes).bytes(base::as_bytes(text));
    return *this;
  }

  std::vector<std::byte> bytes;
};

std::string reference(std::uint32_t sector, std::uint32_t sectors, std::uint32_t value_bytes) {
  std::vector<std::byte> bytes;
  base::Appender out(bytes);
  out.u32(sector);
  out.u32(sectors);
  out.u32(value_bytes);
  return std::string(base::as_text(bytes));
}

// Empty when it loads; then a walk over it must do no harm.
std::string fault(const std::vector<std::byte>& raw) {
  // Of exactly this size, so that a sanitizer sees every step beyond.
  const std::unique_ptr<std::byte[]> exact(new std::byte[raw.size()]);
  std::copy(raw.begin(), raw.end(), exact.get());
  const base::Bytes bytes(exact.get(), raw.size());
  const auto shape = read_block_shape(bytes);
  if (!shape) return std::string(shape.error().message());
  CHECK(shape->frame_bytes <= 16 * raw.size() + kFrameUnitBytes);
  const Frame frame(shape->frame_bytes);
  const auto loaded = load_block(bytes, kHashSeed, frame.bytes());
  if (!loaded) {
    CHECK(loaded.error().has_offset());
    CHECK(loaded.error().offset() <= raw.size());
    return std::string(loaded.error().message());
  }
  const Block block(frame.data());
  BlockCursor cursor;
  cursor.enter(block);
  BlockEntry entry;
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    CHECK(cursor.key().size() <= kMaxKeyBytes);
    CHECK(block.find(cursor.key(), hash_of(cursor.key()), cursor.sequence(), entry) ==
          Lookup::found);
    CHECK(entry.sequence == cursor.sequence());
  }
  return "";
}

std::string fault(const Written& written) { return fault(written.bytes); }

}  // namespace

TEST_CASE("block load: what is in order loads") {
  CHECK(fault(Written(1, kPlain).plain("aaaa")) == "");
  CHECK(fault(Written(2, kPlain, "aaaa").plain("").plain(std::string_view("\0", 1))) == "");
  CHECK(fault(Written(3).rich("aaaa", 1, 0, "v").rich("aaaa", 2, -1).rich("aaaa", 3, -100)) == "");
  CHECK(fault(Written(1).rich("aaaa", 1 | kOutside, 0, reference(8, 69, 35'000))) == "");
  CHECK(fault(Written(2, kContinued | kContinuation).rich("aaaa", 1, 0).rich("aaaa", 1, -1)) == "");
}

TEST_CASE("block load: a block to walk is the same, but that nothing is found by hash") {
  support::Rng rng(4);
  for (const std::size_t count : {40UL, 150UL}) {
    const auto entries = random_entries(rng, Shape::url, count, 30, true);
    const auto raw = build(entries, {.raw_bytes = 65'536, .frame_bytes = 65'536})[0].raw;
    const Frame frame(read_block_shape(raw)->frame_bytes);
    REQUIRE(load_block_to_walk(raw, frame.bytes()));
    const Block block(frame.data());
    BlockCursor cursor;
    cursor.enter(block);
    cursor.seek_first();
    BlockEntry found;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const OwnedEntry& entry = entries[i];
      REQUIRE(cursor.key() == entry.key);
      REQUIRE(cursor.sequence().value() == entry.sequence);
      REQUIRE(block.lower_bound(entry.key, base::Sequence(entry.sequence)) == i);
      const std::uint64_t hash = hash_of(entry.key) | 1;  // not the tag of them all
      REQUIRE(block.find(entry.key, hash, base::kMaxSequence, found) == Lookup::absent);
      cursor.next();
    }
    CHECK(!cursor.valid());
  }
}

TEST_CASE("block load: a header that is cut, empty, flagged or beyond its limits is refused") {
  const auto good = Written(1, kPlain, "aaaa").plain("").bytes;
  for (std::size_t size = 0; size < 16; ++size) {
    const std::vector<std::byte> cut(good.begin(), good.begin() + static_cast<int>(size));
    CHECK(fault(cut) == "block: its header is cut off");
  }
  const std::string few = "block: fewer bytes than entries need, or no entries";
  CHECK(fault(Written(0, kPlain).plain("aaaa")) == few);
  CHECK(fault(Written(5, kPlain).plain("aaaa")) == few);
  CHECK(fault(Written(1, 8).plain("aaaa")) == "block: a flag that is not known to this version");
  CHECK(fault(Written(1, kPlain, "", base::kMaxSequence.value() + 1).plain("aaaa")) ==
        "block: no such sequence");
  CHECK(fault(Written(1, kPlain).plain("aaaa", std::string(kMaxRawBlockBytes, 'v'))) ==
        "block: larger than any can be");
  CHECK(fault(Written(2, kPlain)
                  .plain("aaaa", std::string(kMaxInsideValueBytes, 'v'))
                  .plain("bbbb", std::string(kMaxInsideValueBytes, 'v'))) ==
        "block: too many entries for a frame");
}

TEST_CASE("block load: entries that are cut, too long or too short, or followed by more") {
  const std::string cut = "block: an entry is cut off, or a varint not canonical";
  CHECK(fault(Written(1, kPlain).raw("\x05\x01"
                                     "aaaa")) == cut);
  CHECK(fault(Written(1, kPlain).raw("\x04\x02"
                                     "aaaav")) == cut);
  CHECK(fault(Written(1, kPlain).raw("\x04\xff")) == cut);
  CHECK(fault(Written(1, kPlain).raw({"\x84\0\1aaaav", 8})) == cut);
  CHECK(fault(Written(1, kPlain).raw("\xff\xff\xff\xff\xff\x01\x01v")) == cut);
  CHECK(fault(Written(1).raw("\x04\x01\x01")) == cut);
  CHECK(fault(Written(1).raw({"\x04\x01\x03\0aaaav", 9})) == cut);
  CHECK(fault(Written(1, kPlain).plain("aaaa").raw("x")) == "block: bytes behind its last entry");
  const std::string length = "block: a key is longer or shorter than keys may be";
  CHECK(fault(Written(1, kPlain, "aa").plain("a")) == length);
  CHECK(fault(Written(1, kPlain).plain(std::string(kMaxKeyBytes + 1, 'k'))) == length);
  CHECK(fault(Written(1, kPlain).plain("aaaa", std::string(kMaxInsideValueBytes + 1, 'v'))) ==
        "block: a value is too long to be inside");
}

TEST_CASE("block load: keys and versions out of order are refused") {
  const std::string keys = "block: its keys are not in order";
  CHECK(fault(Written(2, kPlain).plain("aaab").plain("aaaa")) == keys);
  CHECK(fault(Written(2, kPlain).plain("aaaab").plain("aaaaa")) == keys);
  CHECK(fault(Written(2, kPlain, "aaaa").plain({"\0", 1}).plain("")) == keys);
  const std::string versions = "block: the versions of a key are not in order";
  CHECK(fault(Written(2, kPlain).plain("aaaa").plain("aaaa")) == versions);
  CHECK(fault(Written(2).rich("aaaa", 1, 0).rich("aaaa", 1, 0)) == versions);
  CHECK(fault(Written(2).rich("aaaa", 1, 0).rich("aaaa", 1, 1)) == versions);
  for (const std::uint8_t flags : {kContinued, kContinuation}) {
    CHECK(fault(Written(2, flags).rich("aaaa", 1, 0).rich("aaab", 1, -1)) ==
          "block: other keys beside one whose versions fill blocks");
  }
}

TEST_CASE("block load: kinds, sequences and references that cannot be are refused by name") {
  CHECK(fault(Written(1).rich("aaaa", 0, 0)) == "block: an entry of no kind");
  CHECK(fault(Written(1).rich("aaaa", 5, 0)) ==
        "block: entries of kind 5 (range delete) are not known to this version");
  CHECK(fault(Written(1).rich("aaaa", 0x7f, 0)) ==
        "block: entries of kind 127 (unknown) are not known to this version");
  const std::string sequence = "block: no such sequence";
  CHECK(fault(Written(1).rich("aaaa", 1, -101)) == sequence);
  CHECK(fault(Written(1).rich("aaaa", 1, INT64_MIN)) == sequence);
  CHECK(fault(Written(1).rich("aaaa", 1, std::int64_t{1} << 56)) == sequence);
  CHECK(fault(Written(1).rich("aaaa", 2, 0, "v")) == "block: a delete has a value");
  CHECK(fault(Written(1).rich("aaaa", 2 | kOutside, 0)) == "block: a delete has a value");
  CHECK(fault(Written(1).rich("aaaa", 1 | kOutside, 0, "short")) ==
        "block: a reference is of another size");
  const std::string outside = "block: a value lies outside where none can";
  CHECK(fault(Written(1).rich("aaaa", 1 | kOutside, 0, reference(8, 0, 0))) == outside);
  CHECK(fault(Written(1).rich("aaaa", 1 | kOutside, 0, reference(8, 3, 900))) == outside);
  CHECK(fault(Written(1).rich("aaaa", 3 | kOutside, 0, reference(UINT32_MAX, 2, 900))) == outside);
  CHECK(fault(Written(1).rich("aaaa", 3 | kOutside, 0, reference(8, 9, UINT32_MAX))) == outside);
}

TEST_CASE("block load: cut at any byte, a block is refused") {
  support::Rng rng(1);
  const auto raw = build(random_entries(rng, Shape::url, 20, 30, true), {})[0].raw;
  for (std::size_t size = 0; size < raw.size(); ++size) {
    REQUIRE(fault({raw.begin(), raw.begin() + static_cast<int>(size)}) != "");
  }
}

TEST_CASE("block load: random damage ends in an error or in a block that can be walked") {
  support::Rng rng(2);
  int loaded = 0;
  int refused = 0;
  for (int round = 0; round < 6'000; ++round) {
    const Shape shape = kShapes[rng.below(std::size(kShapes))];
    const auto entries = random_entries(rng, shape, rng.between(1, 90), 10, rng.coin());
    auto raw = build(entries, {.raw_bytes = 65'536, .frame_bytes = 65'536})[0].raw;
    for (std::uint64_t times = rng.between(1, 3); times > 0; --times) {
      const std::size_t at = rng.coin() ? rng.below(raw.size()) : rng.below(30) % raw.size();
      raw[at] = static_cast<std::byte>(rng.coin() ? rng.next() : rng.below(4));
    }
    ++(fault(raw).empty() ? loaded : refused);
  }
  CHECK(loaded > 500);
  CHECK(refused > 500);
}

TEST_CASE("block load: noise ends in an error or in a block that can be walked") {
  support::Rng rng(3);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> raw(rng.below(80));
    for (std::byte& byte : raw)
      byte = static_cast<std::byte>(rng.coin() ? rng.next() : rng.below(4));
    static_cast<void>(fault(raw));
  }
}
