// Tables as they are written: what was put in is found again by walking root, partitions and
// blocks, and every unit lies where the one above it says.
#include "table/table_builder.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/hash.h"
#include "base/random.h"
#include "page/bench.h"
#include "support/property.h"
#include "table/block_cursor.h"
#include "table/block_load.h"
#include "table/partition.h"
#include "table/unit_reader.h"

namespace siltstone::table {
namespace {

using base::EntryKind;
using base::Sequence;

constexpr std::uint64_t kSeed = 0x5eed;
constexpr base::TableId kTable{7};

struct Item {
  std::string key;
  Sequence sequence;
  EntryKind kind = EntryKind::value;
  std::int64_t expiry = 0;
  std::string value;

  [[nodiscard]] Entry entry() const { return {key, sequence, kind, expiry, value}; }
  friend bool operator==(const Item&, const Item&) = default;
};

/// Of random shapes: few or many versions, small and large values, kinds of all sorts.
std::vector<Item> random_items(base::Random& random, std::size_t count, std::size_t max_value) {
  std::vector<Item> items;
  std::uint64_t number = 0;
  while (items.size() < count) {
    number += 1 + random.below(1000);
    const std::string digits = std::to_string(1'000'000'000 + number);
    const std::string key = std::string(4, '\0') + "prefix/" + digits;
    const std::uint64_t versions = random.below(10) == 0 ? 1 + random.below(60) : 1;
    std::uint64_t sequence = 1'000'000 + random.below(1'000'000);
    for (std::uint64_t i = 0; i < versions; ++i, sequence -= 1 + random.below(5)) {
      Item item{key, Sequence(sequence), EntryKind::value, 0, {}};
      const std::uint64_t kind = random.below(8);
      if (kind == 0) {
        item.kind = EntryKind::erase;
      } else {
        item.value.assign(random.below(random.below(50) == 0 ? max_value : 200), 'v');
        for (char& c : item.value) c = static_cast<char>(random.below(random.below(2) + 4));
      }
      if (kind == 1) {
        item.kind = EntryKind::value_with_expiry;
        item.expiry = static_cast<std::int64_t>(random.below(1u << 30)) - 1000;
      }
      items.push_back(std::move(item));
    }
  }
  return items;
}

Result<FinishedTable> build(page::Bench& bench, const std::vector<Item>& items,
                            const TableOptions& options) {
  auto writer = page::ExtentWriter::make(*bench.file, *bench.channel).value();
  TableBuilder builder(kTable, options, *bench.file, *writer, page::Claim::reserved, 1 << 20);
  for (const Item& item : items) {
    if (auto added = builder.add(item.entry()); !added) return std::unexpected(added.error());
  }
  auto table = builder.finish();
  if (table) REQUIRE(writer->flush());
  return table;
}

/// Reads a table from its footer down, and checks on the way what holds of every table.
class Walk {
 public:
  Walk(page::Bench& bench, const FinishedTable& table)
      : table_(table),
        placement_(table.extents),
        reader_(UnitReader::make(*bench.file, *bench.channel, placement_, kTable).value()) {
    const base::Bytes sector = reader_->read_sectors({table.sectors - 1, 1}).value();
    footer_ = decode_footer(sector, kTable, table.sectors, kSeed).value();
    const auto properties =
        decode_properties(reader_->read(footer_.properties, UnitType::properties).value());
    CHECK(properties.value() == table.properties);
  }

  std::vector<Item> items() {
    const Partition root = load(footer_.root, UnitType::root);
    CHECK(root.blocks() == table_.properties.partitions);
    for (std::uint32_t p = 0; p < root.blocks(); ++p) {
      const Partition partition = load(root.place(p), UnitType::partition);
      for (std::uint32_t b = 0; b < partition.blocks(); ++b) {
        walk_block(root, p, partition, b);
      }
    }
    return std::move(items_);
  }

 private:
  Partition load(SectorRange place, UnitType type) {
    return Partition::load(reader_->read(place, type).value(), table_.sectors).value();
  }

  void walk_block(const Partition& root, std::uint32_t p, const Partition& partition,
                  std::uint32_t b) {
    const base::Bytes raw = reader_->read(partition.place(b), UnitType::data_block).value();
    const BlockShape shape = read_block_shape(raw).value();
    const auto frame = base::AlignedBuffer::allocate(shape.frame_bytes + 64).value();
    REQUIRE(load_block(raw, kSeed, frame.bytes().first(shape.frame_bytes)));
    const Block block(frame.data());
    BlockCursor cursor;
    cursor.enter(block);
    std::vector<Item> found;
    for (cursor.seek_first(); cursor.valid(); cursor.next()) {
      const std::uint64_t hash = base::hash64(base::as_bytes(cursor.key()), kSeed);
      CHECK(partition.may_contain(hash));
      CHECK(root.find_block(cursor.key()) == p);
      if (!block.is_continuation()) CHECK(partition.find_block(cursor.key()) == b);
      BlockEntry entry;
      CHECK(block.find(cursor.key(), hash, cursor.sequence(), entry) == Lookup::found);
      CHECK(entry.sequence == cursor.sequence());
      found.push_back({std::string(cursor.key()), cursor.sequence(), cursor.kind(), cursor.expiry(),
                       std::string(cursor.value())});
      if (cursor.is_outside()) outside_.push_back(items_.size() + found.size() - 1);
    }
    for (Item& item : found) items_.push_back(std::move(item));
    for (const std::size_t i : outside_) {
      const ValueReference reference = decode_reference(items_[i].value);
      const base::Bytes value =
          reader_->read({reference.sector, reference.sectors}, UnitType::value).value();
      CHECK(value.size() == reference.bytes);
      items_[i].value = base::as_text(value);
    }
    outside_.clear();
  }

  const FinishedTable& table_;
  const Placement placement_;
  std::unique_ptr<UnitReader> reader_;
  Footer footer_;
  std::vector<Item> items_;
  std::vector<std::size_t> outside_;
};

}  // namespace

TEST_CASE("table builder: what was put in is found from the footer down") {
  support::for_each_seed(40, [](std::uint64_t seed) {
    base::Random random(seed);
    page::Bench bench(seed);
    bench.create();
    TableOptions options{.hash_seed = kSeed};
    if (random.below(2) == 0) options.codec = base::Codec::snappy;
    if (random.below(2) == 0) options.frame_bytes = kFrameUnitBytes * (1 + random.below(4));
    options.max_inside_bytes = 100 + random.below(kMaxInsideValueBytes - 100);
    options.partition.max_blocks = static_cast<std::uint32_t>(1 + random.below(20));
    const auto items = random_items(random, 1 + random.below(3000), 1 << (8 + random.below(10)));
    const auto table = build(bench, items, options);
    REQUIRE(table);
    CHECK(table->first_key == items.front().key);
    CHECK(table->last_key == items.back().key);
    CHECK(table->properties.counts.entries == items.size());
    CHECK(Walk(bench, *table).items() == items);
  });
}

TEST_CASE("table builder: versions that fill many blocks stay one key's") {
  page::Bench bench;
  bench.create();
  std::vector<Item> items{{"aaaaa", Sequence(5), EntryKind::value, 0, "first"}};
  for (std::uint64_t i = 0; i < 3000; ++i) {
    items.push_back({"bbbbb", Sequence(10'000 - i), EntryKind::value, 0, std::string(100, 'v')});
  }
  items.push_back({"ccccc", Sequence(6), EntryKind::value, 0, "last"});
  TableOptions options{.hash_seed = kSeed};
  options.partition.max_blocks = 2;
  const auto table = build(bench, items, options);
  REQUIRE(table);
  CHECK(table->properties.keys == 3);
  CHECK(table->properties.oldest == Sequence(5));
  CHECK(table->properties.newest == Sequence(10'000));
  CHECK(Walk(bench, *table).items() == items);
}

TEST_CASE("table builder: a device that is full fails the table, and has all its space again") {
  page::Bench bench;
  bench.create();
  const auto live = bench.file->usage().live;
  base::Random random(1);
  const auto items = random_items(random, 20'000, 200);
  bench.fail({.on = support::Op::allocate, .error = ENOSPC, .times = UINT64_MAX});
  const auto table = build(bench, items, {.hash_seed = kSeed});
  REQUIRE_FALSE(table);
  CHECK(table.error().code() == ErrorCode::no_space);
  CHECK(bench.file->usage().live == live);
}

}  // namespace siltstone::table
