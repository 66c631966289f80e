// From entries to units.
#include "table/table_builder.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"
#include "base/try.h"

namespace siltstone::table {
namespace {

/// The root's own filter is never asked; it cannot be smaller.
constexpr PartitionOptions kRootOptions{
    .filter_bits_per_key = 1, .max_blocks = kMaxPartitionBlocks, .target_bytes = SIZE_MAX};

}  // namespace

TableBuilder::TableBuilder(base::TableId id, const TableOptions& options, page::PageFile& file,
                           page::ExtentWriter& writer, page::Claim claim,
                           std::uint64_t expected_bytes)
    : id_(id),
      options_(options),
      space_(file, writer, claim, expected_bytes),
      sizing_(options.codec, options.entry_bytes, options.frame_bytes),
      block_(sizing_.limits()),
      partition_(options.partition),
      root_(kRootOptions) {
  properties_.filter_bits = options.partition.filter_bits_per_key;
}

Result<void> TableBuilder::add(const Entry& entry) {
  count(entry);
  if (entry.value.size() > options_.max_inside_bytes) return add_outside(entry);
  while (!block_.add(entry)) SILT_TRY(end_block());
  hashes_.push_back(last_hash_);
  return {};
}

Result<void> TableBuilder::add_outside(const Entry& entry) {
  const auto [range, stored] =
      SILT_TRY(write_unit(UnitType::value, options_.codec, base::as_bytes(entry.value)));
  ++properties_.outside_values;
  const ValueReference reference{range.first, range.count,
                                 static_cast<std::uint32_t>(entry.value.size())};
  while (!block_.add_outside(entry, reference)) SILT_TRY(end_block());
  hashes_.push_back(last_hash_);
  return {};
}

void TableBuilder::count(const Entry& entry) {
  Properties& p = properties_;
  const bool is_first = p.counts.entries == 0;
  if (is_first || entry.key != last_key_) {
    SILT_ASSERT(is_first || entry.key > last_key_);
    if (is_first) first_key_ = entry.key;
    last_key_ = entry.key;
    last_hash_ = base::hash64(base::as_bytes(entry.key), options_.hash_seed);
    ++p.keys;
  }
  p.oldest = is_first ? entry.sequence : std::min(p.oldest, entry.sequence);
  p.newest = std::max(p.newest, entry.sequence);
  if (entry.kind == base::EntryKind::value_with_expiry) {
    const bool is_first_expiry = p.counts.expiring++ == 0;
    p.first_expiry = is_first_expiry ? entry.expiry : std::min(p.first_expiry, entry.expiry);
    p.last_expiry = is_first_expiry ? entry.expiry : std::max(p.last_expiry, entry.expiry);
  }
  if (entry.kind == base::EntryKind::erase) ++p.counts.erasures;
  ++p.counts.entries;
  p.counts.key_bytes += entry.key.size();
  p.counts.value_bytes += entry.value.size();
}

// The block that is ended has the first of the entries in hashes_: those of the entry that did not
// fit, and of versions that go with it, stay for the next one.
Result<void> TableBuilder::end_block() {
  const FinishedBlock block = block_.finish();
  if (!block.is_continuation && partition_.full()) SILT_TRY(end_partition());
  const base::Codec codec = sizing_.codec();
  const auto written = SILT_TRY(write_unit(UnitType::data_block, codec, block.raw));
  sizing_.record(block.entries, block.raw.size(), codec, written.payload_bytes);
  block_.set_limits(sizing_.limits());

  const auto hashes = std::span(hashes_).first(block.entries);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (i == 0 || hashes[i] != hashes[i - 1]) partition_.add_key(hashes[i]);
  }
  hashes_.erase(hashes_.begin(), hashes_.begin() + block.entries);
  if (partition_.empty()) partition_first_ = block.first_key;
  partition_last_ = block.last_key;
  if (block.is_continuation) {
    partition_.add_continuation(written.place);
  } else {
    partition_.add_block(block.first_key, block.last_key, written.place);
  }
  ++properties_.blocks;
  properties_.raw_bytes += block.raw.size();
  properties_.stored_bytes += written.place.bytes();
  return {};
}

Result<void> TableBuilder::end_partition() {
  payload_.clear();
  SILT_TRY(partition_.finish(payload_));
  const auto written = SILT_TRY(write_unit(UnitType::partition, base::Codec::none, payload_));
  if (root_.empty()) root_.add_key(0);
  root_.add_block(partition_first_, partition_last_, written.place);
  ++properties_.partitions;
  return {};
}

Result<FinishedTable> TableBuilder::finish() {
  SILT_ASSERT(!empty());
  while (!block_.empty()) SILT_TRY(end_block());
  SILT_TRY(end_partition());
  Footer footer;
  footer.id = id_;
  footer.hash_check = hash_check(options_.hash_seed);
  payload_.clear();
  SILT_TRY(root_.finish(payload_));
  footer.root = SILT_TRY(write_unit(UnitType::root, base::Codec::none, payload_)).place;
  payload_ = encode_properties(properties_);
  footer.properties = SILT_TRY(write_unit(UnitType::properties, base::Codec::none, payload_)).place;
  const SectorRange last = space_.place(1);
  footer.sectors = last.first + 1;
  static_cast<void>(SILT_TRY(space_.append(encode_footer(footer))));
  auto space = SILT_TRY(space_.finish());
  return FinishedTable{.id = id_,
                       .extents = std::move(space.extents),
                       .sectors = space.sectors,
                       .first_key = std::move(first_key_),
                       .last_key = std::move(last_key_),
                       .properties = properties_};
}

Result<TableBuilder::Written> TableBuilder::write_unit(UnitType type, base::Codec codec,
                                                       base::Bytes raw) {
  const std::size_t needed = unit_buffer_bytes(codec, raw.size());
  if (unit_.size() < needed) unit_.resize(needed);
  const EncodedUnit encoded = SILT_TRY(encode_unit(type, codec, raw, unit_));
  const auto unit = std::span(unit_).first(encoded.bytes);
  const SectorRange place = space_.place(static_cast<std::uint32_t>(unit.size() / kSectorBytes));
  seal_unit(unit, id_, place.first);
  const SectorRange given = SILT_TRY(space_.append(unit));
  SILT_ASSERT(given == place);
  stored_bytes_ = place.end() * kSectorBytes;
  return Written{place, encoded.payload_bytes};
}

}  // namespace siltstone::table
