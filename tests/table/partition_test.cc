// The partition: what is built is loaded, leads each key to its block, and no hostile byte is
// believed.
#include "table/partition.h"

#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/hash.h"
#include "support/property.h"
#include "table/keys.h"
#include "table/partition_builder.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

constexpr std::uint32_t kTableSectors = 1'000'000;

std::uint64_t hash_of(std::string_view key) { return base::hash64(base::as_bytes(key), 7); }

// Blocks of some keys each, and continuations of one key.
struct Blocks {
  struct Block {
    std::vector<std::string> keys;
    SectorRange place;
    bool is_continuation = false;
  };

  Blocks(const std::vector<std::string>& keys, support::Rng& rng) {
    std::uint32_t sector = static_cast<std::uint32_t>(rng.below(20));
    for (std::size_t at = 0; at < keys.size();) {
      const bool is_long = rng.below(20) == 0;
      const std::size_t end = std::min(keys.size(), at + (is_long ? 1 : rng.between(1, 9)));
      for (std::uint64_t parts = is_long ? rng.between(2, 4) : 1, i = 0; i < parts; ++i) {
        const SectorRange place{sector, static_cast<std::uint32_t>(rng.between(1, 20))};
        blocks.push_back({{keys.begin() + static_cast<std::ptrdiff_t>(at),
                           keys.begin() + static_cast<std::ptrdiff_t>(end)},
                          place,
                          i > 0});
        sector = static_cast<std::uint32_t>(place.end() + rng.below(3));
      }
      at = end;
    }
  }

  void add_to(PartitionBuilder& builder, const Block& block) const {
    for (const std::string& key : block.keys) builder.add_key(hash_of(key));
    if (block.is_continuation) {
      builder.add_continuation(block.place);
    } else {
      builder.add_block(block.keys.front(), block.keys.back(), block.place);
    }
  }
  [[nodiscard]] std::vector<std::byte> payload() const {
    PartitionBuilder builder;
    for (const Block& block : blocks) add_to(builder, block);
    std::vector<std::byte> bytes;
    CHECK(builder.finish(bytes));
    return bytes;
  }

  std::vector<Block> blocks;
};

// A payload by hand, with one thing wrong at a time.
struct Forged {
  std::uint32_t blocks = 3;
  std::uint32_t keys = 5;
  std::uint32_t lines = 1;
  std::string prefix = "user";
  std::uint32_t prefix_bytes = 4;
  std::uint8_t probes = 6;
  std::uint8_t reserved = 0;
  std::uint64_t gap = 2;
  std::uint64_t sectors = 8;
  std::string first = "a";
  std::string second = "b";
  std::size_t filter_bytes = 64;

  [[nodiscard]] std::vector<std::byte> payload() const {
    std::vector<std::byte> bytes;
    base::Appender appender(bytes);
    appender.u32(blocks);
    appender.u32(keys);
    appender.u32(lines);
    appender.u32(prefix_bytes);
    appender.u8(probes);
    for (int i = 0; i < 7; ++i) appender.u8(reserved);
    appender.bytes(base::as_bytes(prefix));
    for (const std::string* suffix : {static_cast<const std::string*>(nullptr), &first, &second}) {
      appender.varint(gap);
      appender.varint(sectors);
      if (suffix == nullptr) continue;
      appender.varint(suffix->size() + 1);
      appender.bytes(base::as_bytes(*suffix));
    }
    bytes.resize(bytes.size() + filter_bytes);
    return bytes;
  }
};

std::string message_of(const std::vector<std::byte>& payload, std::uint32_t sectors = 1000) {
  const auto loaded = Partition::load(payload, sectors);
  if (loaded) return "";
  CHECK(loaded.error().code() == ErrorCode::corruption);
  CHECK(loaded.error().has_offset());
  CHECK(loaded.error().offset() <= payload.size());
  return std::string(loaded.error().message());
}

std::string message_of(const Forged& forged, std::uint32_t sectors = 1000) {
  return message_of(forged.payload(), sectors);
}

}  // namespace

TEST_CASE("partition: leads each key to its block and its place, for all shapes of keys") {
  support::for_each_seed(40, [](std::uint64_t seed) {
    for (const KeyShape shape : kKeyShapes) {
      CAPTURE(static_cast<int>(shape));
      support::Rng rng = support::Rng(seed).fork(static_cast<std::uint64_t>(shape));
      const Blocks made(sorted_keys(shape, rng, rng.between(1, 600)), rng);
      const auto partition = Partition::load(made.payload(), kTableSectors);
      REQUIRE(partition);
      CHECK(partition->blocks() == made.blocks.size());
      std::size_t wrong = 0;
      std::uint32_t first = 0;
      for (std::uint32_t i = 0; i < made.blocks.size(); ++i) {
        const auto& block = made.blocks[i];
        if (!block.is_continuation) first = i;
        wrong += partition->place(i) == block.place ? 0 : 1;
        for (const std::string& key : block.keys) {
          wrong += partition->find_block(key) == first ? 0 : 1;
          wrong += partition->may_contain(hash_of(key)) ? 0 : 1;
        }
      }
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("partition: a key that is in no block is led to the one where it would be") {
  PartitionBuilder builder;
  for (const char* key : {"b", "d", "f"}) builder.add_key(hash_of(key));
  builder.add_block("b", "d", {8, 8});
  builder.add_block("f", "f", {16, 8});
  builder.add_continuation({24, 8});
  builder.add_key(hash_of("h"));
  builder.add_block("h", "k", {32, 4});
  std::vector<std::byte> payload;
  REQUIRE(builder.finish(payload));
  const auto partition = Partition::load(payload, 36).value();
  CHECK(partition.keys() == 4);
  CHECK(partition.find_block("") == 0);
  CHECK(partition.find_block("a") == 0);
  CHECK(partition.find_block("e") == 0);
  CHECK(partition.find_block("f") == 1);
  CHECK(partition.find_block("g") == 1);
  CHECK(partition.find_block("h") == 3);
  CHECK(partition.find_block("z") == 3);
}

TEST_CASE("partition: frame words begin at 0, one for each block") {
  support::Rng rng(1);
  const Blocks made(sorted_keys(KeyShape::decimal, rng, 100), rng);
  const auto partition = Partition::load(made.payload(), kTableSectors).value();
  for (std::uint32_t i = 0; i < partition.blocks(); ++i) {
    partition.prefetch_frame(i);
    CHECK(partition.frame(i).exchange(i + 1) == 0);
  }
  for (std::uint32_t i = 0; i < partition.blocks(); ++i) {
    CHECK(partition.frame(i).load() == i + 1);
    CHECK(partition.place(i) == made.blocks[i].place);
  }
}

TEST_CASE("partition: a builder is full at its number of blocks or bytes, and begins afresh") {
  const auto fill = [](PartitionBuilder& builder, std::size_t key_bytes) {
    std::uint32_t number = 0;
    for (; !builder.full(); ++number) {
      const std::string key = digits(number, key_bytes);
      builder.add_key(hash_of(key));
      builder.add_block(key, key, {number, 1});
    }
    std::vector<std::byte> payload;
    CHECK(builder.finish(payload));
    CHECK(builder.empty());
    CHECK(Partition::load(payload, kTableSectors).value().blocks() == number);
    return payload.size();
  };
  PartitionBuilder by_blocks({.max_blocks = 5});
  CHECK(fill(by_blocks, 8) < 200);
  CHECK(fill(by_blocks, 9) < 200);  // and again, keys before those of the first one
  PartitionBuilder by_bytes({.max_blocks = 1'000'000, .target_bytes = 20'000});
  const std::size_t size = fill(by_bytes, 200);
  CHECK(size > 500);  // all but the last digits of the separators is stored once
  CHECK(size < 21'000);
  PartitionBuilder by_filter({.filter_bits_per_key = 16, .target_bytes = 20'000});
  for (std::uint64_t i = 0; i < 10'000; ++i) by_filter.add_key(i << 32);
  by_filter.add_block("a", "b", {0, 1});
  CHECK(by_filter.full());
}

TEST_CASE("partition: the options of the filter are those that were asked for") {
  for (const unsigned bits : {1U, 10U, 16U}) {
    PartitionBuilder builder({.filter_bits_per_key = bits});
    for (std::uint64_t i = 0; i < 1000; ++i) builder.add_key(i << 32);
    builder.add_block("a", "b", {0, 1});
    std::vector<std::byte> payload;
    REQUIRE(builder.finish(payload));
    const auto content = decode_partition(payload, 10).value();
    CHECK(content.filter_shape == filter_shape(1000, bits));
  }
}

TEST_CASE("partition: versions of one key count once") {
  PartitionBuilder builder;
  for (int i = 0; i < 3; ++i) builder.add_key(hash_of("a"));
  builder.add_key(hash_of("b"));
  builder.add_block("a", "b", {0, 1});
  std::vector<std::byte> payload;
  REQUIRE(builder.finish(payload));
  CHECK(Partition::load(payload, 1).value().keys() == 2);
}

TEST_CASE("partition: a key of endless versions is refused, and the builder goes on") {
  PartitionBuilder builder;
  std::vector<std::byte> payload;
  builder.add_key(1);
  builder.add_block("a", "a", {0, 1});
  for (std::uint32_t i = 1; i <= kMaxPartitionBlocks; ++i) builder.add_continuation({i, 1});
  const auto refused = builder.finish(payload);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::unsupported);
  payload.clear();
  builder.add_key(1);
  builder.add_block("a", "a", {0, 1});
  CHECK(builder.finish(payload));
  CHECK(Partition::load(payload, 1));
}

TEST_CASE("partition: takes the memory it says, little of it beside the filter") {
  support::Rng rng(1);
  PartitionBuilder builder;
  for (std::uint32_t i = 0; !builder.full(); ++i) {
    for (std::uint32_t key = 0; key < 34; ++key) builder.add_key(rng.next());
    builder.add_block(digits(34ULL * i, 16), digits(34ULL * i + 33, 16), {8 * i, 8});
  }
  std::vector<std::byte> payload;
  REQUIRE(builder.finish(payload));
  const auto partition = Partition::load(payload, kTableSectors).value();
  CHECK(partition.blocks() == 1024);
  const std::size_t filter = filter_shape(partition.keys(), 10).bytes();
  CHECK(partition.memory_bytes() < filter + std::size_t{40} * 1024);
  CHECK(payload.size() < filter + std::size_t{12} * 1024);
}

TEST_CASE("partition: what is forged by hand is refused with what is wrong, and where") {
  CHECK(message_of(Forged{}) == "");
  CHECK(message_of(Forged{.blocks = 0}) == "the number of blocks of a partition cannot be");
  CHECK(message_of(Forged{.blocks = 60}) == "the number of blocks of a partition cannot be");
  CHECK(message_of(Forged{.blocks = UINT32_MAX}) ==
        "the number of blocks of a partition cannot be");
  CHECK(message_of(Forged{.keys = 0}) == "a partition has no keys");
  CHECK(message_of(Forged{.lines = 0}) == "the size of a partition's filter cannot be");
  CHECK(message_of(Forged{.lines = 2}) == "the size of a partition's filter cannot be");
  CHECK(message_of(Forged{.lines = UINT32_MAX}) == "the size of a partition's filter cannot be");
  CHECK(message_of(Forged{.filter_bytes = 65}) == "a partition does not end as it says");
  CHECK(message_of(Forged{.filter_bytes = 63}) == "a partition does not end as it says");
  CHECK(message_of(Forged{.probes = 0}) ==
        "the number of probes of a partition's filter cannot be");
  CHECK(message_of(Forged{.probes = 9}) ==
        "the number of probes of a partition's filter cannot be");
  CHECK(message_of(Forged{.reserved = 1}) == "a reserved byte of a partition is not zero");
  CHECK(message_of(Forged{.prefix_bytes = UINT32_MAX}) ==
        "the prefix of a partition is longer than any key");
  CHECK(message_of(Forged{.prefix_bytes = 60'000}) == "the prefix of a partition is cut short");
  CHECK(message_of(Forged{.sectors = 0}) == "a block has no sectors");
  CHECK(message_of(Forged{}, 30) == "");
  CHECK(message_of(Forged{}, 29) == "a block lies beyond its table");
  CHECK(message_of(Forged{.gap = UINT32_MAX}) == "a block lies beyond its table");
  CHECK(message_of(Forged{.sectors = UINT32_MAX}) == "a block lies beyond its table");
  CHECK(message_of(Forged{.gap = std::uint64_t{1} << 32}) == "the place of a block is cut short");
  CHECK(message_of(Forged{.first = "b"}) == "separators do not ascend");
  CHECK(message_of(Forged{.first = "bc"}) == "separators do not ascend");
  CHECK(message_of(Forged{.second = std::string(kMaxSeparatorBytes - 3, 'b')}) ==
        "a separator is longer than any key");
  CHECK(message_of(Forged{.second = std::string(kMaxSeparatorBytes - 4, 'b')}) == "");
}

TEST_CASE("partition: cut short anywhere it is refused") {
  const std::vector<std::byte> payload = Forged{}.payload();
  for (std::size_t size = 0; size < payload.size(); ++size) {
    const std::vector<std::byte> cut(payload.begin(),
                                     payload.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(message_of(cut) != "");
  }
}

TEST_CASE("partition: damaged anyhow it is refused, or leads every key to some block") {
  support::for_each_seed(3000, [](std::uint64_t seed) {
    support::Rng rng(seed);
    const KeyShape shape = kKeyShapes[rng.below(std::size(kKeyShapes))];
    const auto keys = sorted_keys(shape, rng, rng.between(1, 60));
    std::vector<std::byte> payload = Blocks(keys, rng).payload();
    const std::size_t filter = filter_shape(static_cast<std::uint32_t>(keys.size()), 10).bytes();
    for (std::uint64_t i = rng.between(1, 3); i > 0; --i) {
      payload[rng.below(payload.size() - filter)] = static_cast<std::byte>(rng.next());
    }
    const auto partition = Partition::load(payload, kTableSectors);
    if (!partition) {
      CHECK(partition.error().code() == ErrorCode::corruption);
      return;
    }
    CHECK(partition->memory_bytes() < 100 * payload.size() + 2000);
    std::size_t wrong = 0;
    for (const std::string& key : keys) {
      const std::uint32_t block = partition->find_block(near(key, rng));
      wrong += block < partition->blocks() ? 0 : 1;
      (void)partition->may_contain(rng.next());  // reads its line, and nothing beyond
    }
    CHECK(wrong == 0);
  });
}
