// The codec of the catalog's payload. The encoder trusts its caller, the decoder trusts nobody.
#include "tree/catalog_format.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/coding.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::tree {
namespace {

void encode_table(const TableRecord& table, base::Appender& out) {
  out.varint(table.id.value());
  out.varint(table.bytes);
  out.varint(table.extents.size());
  for (const page::Extent& extent : table.extents) {
    out.u32(extent.first.value());
    out.u32(extent.pages);
  }
  out.sized_bytes(base::as_bytes(table.bounds.lower));
  out.sized_bytes(base::as_bytes(table.bounds.upper));
  out.varint(table.oldest.value());
  out.varint(table.newest - table.oldest);
  out.varint(table.counts.expiring);
  if (table.counts.expiring != 0) {
    out.u64(static_cast<std::uint64_t>(table.first_expiry));
    out.u64(static_cast<std::uint64_t>(table.last_expiry));
  }
  out.varint(table.counts.entries);
  out.varint(table.counts.erasures);
  out.varint(table.counts.key_bytes);
  out.varint(table.counts.value_bytes);
}

/// Takes a payload apart from front to back; what all tables must agree on is checked on the way.
class Decoder {
 public:
  explicit Decoder(base::Bytes payload) noexcept : reader_(payload) {}

  Result<Catalog> catalog() {
    Catalog catalog;
    SILT_TRY(head(catalog));
    catalog.levels.resize(SILT_TRY(count(kMaxLevels, "too many levels in the catalog")));
    for (LevelRecord& level : catalog.levels) {
      level.resize(SILT_TRY(count(kMaxRuns, "too many runs in a level")));
      for (RunRecord& run : level) SILT_TRY(tables(run, catalog));
    }
    if (!reader_.at_end()) return broken("the catalog is longer or shorter than it says");
    SILT_TRY(check_extents());
    SILT_TRY(check_ids());
    return catalog;
  }

 private:
  [[nodiscard]] std::unexpected<Error> broken(std::string_view what) const noexcept {
    return std::unexpected(
        base::fail(ErrorCode::corruption, what).offset(reader_.position()).build());
  }

  Result<std::size_t> count(std::size_t most, std::string_view too_many) {
    const std::uint64_t value = reader_.varint();
    if (!reader_.ok() || value > most) return broken(too_many);
    return static_cast<std::size_t>(value);
  }

  Result<void> head(Catalog& catalog) {
    const std::uint32_t version = reader_.u32();
    if (reader_.ok() && version > kCatalogVersion) {
      return base::fail(ErrorCode::unsupported, "the catalog has a newer version")
          .mismatch(kCatalogVersion, version);
    }
    const std::uint32_t zero = reader_.u32();
    catalog.replay.log.segment = base::SegmentId(reader_.u64());
    catalog.replay.log.offset = reader_.u64();
    catalog.replay.ring.session = base::SessionId(reader_.u64());
    catalog.replay.ring.position = base::RingPosition(reader_.u64());
    catalog.next_sequence = base::Sequence(reader_.u64());
    catalog.next_table = base::TableId(reader_.u64());
    if (!reader_.ok() || version != kCatalogVersion || zero != 0 ||
        catalog.next_sequence.value() == 0 || catalog.next_table.value() == 0 ||
        catalog.next_sequence > base::kMaxSequence + 1) {
      return broken("the head of the catalog cannot be");
    }
    return {};
  }

  Result<void> tables(RunRecord& run, const Catalog& catalog) {
    run.resize(SILT_TRY(count(reader_.remaining() / kLeastTableBytes,
                              "more tables in a run than the catalog has room for")));
    const TableRecord* before = nullptr;
    for (TableRecord& table : run) {
      SILT_TRY(this->table(table, catalog));
      if (before != nullptr && !in_order(before->bounds, table.bounds)) {
        return broken("the tables of a run are not in order");
      }
      before = &table;
    }
    return {};
  }

  Result<void> table(TableRecord& table, const Catalog& catalog) {
    table.id = base::TableId(reader_.varint());
    table.bytes = reader_.varint();
    SILT_TRY(extents(table));
    table.bounds.lower = base::as_text(reader_.sized_bytes());
    table.bounds.upper = base::as_text(reader_.sized_bytes());
    const std::uint64_t oldest = reader_.varint();
    const std::uint64_t span = reader_.varint();
    table.counts.expiring = reader_.varint();
    if (table.counts.expiring != 0) {
      table.first_expiry = static_cast<std::int64_t>(reader_.u64());
      table.last_expiry = static_cast<std::int64_t>(reader_.u64());
    }
    table.counts.entries = reader_.varint();
    table.counts.erasures = reader_.varint();
    table.counts.key_bytes = reader_.varint();
    table.counts.value_bytes = reader_.varint();
    // In this order none of it overflows.
    const bool sequences_fit =
        oldest < catalog.next_sequence.value() && span < catalog.next_sequence.value() - oldest;
    if (!reader_.ok() || !sequences_fit || !fields_fit(table, catalog)) {
      return broken("a table of the catalog cannot be");
    }
    table.oldest = base::Sequence(oldest);
    table.newest = base::Sequence(oldest + span);
    ids_.push_back(table.id);
    return {};
  }

  Result<void> extents(TableRecord& table) {
    table.extents.resize(SILT_TRY(count(reader_.remaining() / kTableExtentBytes,
                                        "more extents than the catalog has room for")));
    std::uint64_t room = 0;
    for (page::Extent& extent : table.extents) {
      extent.first = base::PageNumber(reader_.u32());
      extent.pages = reader_.u32();
      if (!is_plausible(extent, page::kMaxFilePages)) {
        return broken("an extent of a table cannot be");
      }
      room += extent.bytes();
      extents_.push_back(extent);
    }
    // The last extent is not there for nothing.
    const std::uint64_t last = table.extents.empty() ? 0 : table.extents.back().bytes();
    if (table.bytes > room || table.bytes <= room - last) {
      return broken("the extents of a table do not fit its length");
    }
    return {};
  }

  static bool fields_fit(const TableRecord& table, const Catalog& catalog) noexcept {
    const Bounds& bounds = table.bounds;
    const table::TableCounts& counts = table.counts;
    return table.id.value() != 0 && table.id < catalog.next_table && !bounds.lower.empty() &&
           bounds.lower.size() <= kMaxBoundBytes && bounds.upper.size() <= kMaxBoundBytes &&
           bounds.covers(bounds.lower) && counts.entries != 0 &&
           counts.erasures <= counts.entries && counts.expiring <= counts.entries &&
           table.first_expiry <= table.last_expiry;
  }

  /// Neighbours meet only where bounds were cut.
  static bool in_order(const Bounds& left, const Bounds& right) noexcept {
    if (!left.upper.empty() && left.upper < right.lower) return true;
    return left.lower <= right.lower && right.lower.size() == kMaxBoundBytes;
  }

  Result<void> check_extents() {
    std::ranges::sort(extents_);
    const auto overlap = std::ranges::adjacent_find(
        extents_, [](const page::Extent& a, const page::Extent& b) { return b.first < a.end(); });
    if (overlap == extents_.end()) return {};
    return base::fail(ErrorCode::corruption, "two tables of the catalog share an extent")
        .offset(page::byte_offset(overlap->first));
  }

  Result<void> check_ids() {
    std::ranges::sort(ids_);
    const auto twice = std::ranges::adjacent_find(ids_);
    if (twice == ids_.end()) return {};
    return base::fail(ErrorCode::corruption, "two tables of the catalog have one id")
        .mismatch(0, twice->value());
  }

  base::Reader reader_;
  std::vector<page::Extent> extents_;  // of all tables
  std::vector<base::TableId> ids_;
};

}  // namespace

std::vector<std::byte> encode_catalog(const Catalog& catalog) {
  std::vector<std::byte> payload;
  payload.reserve(kCatalogHeadBytes);
  base::Appender out(payload);
  out.u32(kCatalogVersion);
  out.u32(0);
  out.u64(catalog.replay.log.segment.value());
  out.u64(catalog.replay.log.offset);
  out.u64(catalog.replay.ring.session.value());
  out.u64(catalog.replay.ring.position.value());
  out.u64(catalog.next_sequence.value());
  out.u64(catalog.next_table.value());
  out.varint(catalog.levels.size());
  for (const LevelRecord& level : catalog.levels) {
    out.varint(level.size());
    for (const RunRecord& run : level) {
      out.varint(run.size());
      for (const TableRecord& table : run) encode_table(table, out);
    }
  }
  return payload;
}

Result<Catalog> decode_catalog(base::Bytes payload) { return Decoder(payload).catalog(); }

}  // namespace siltstone::tree
