// Writes one table from entries that come in order.
//
//   | value, block, block, .. partition | block, .. partition | .. | root | properties | footer |
//
// Values that are too large for a block go out as they come, before their block; a partition behind
// the last block that it leads to. So memory is bounded by a block, a partition and what the root
// will say, whatever the size of the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "base/compression.h"
#include "base/ids.h"
#include "table/block_builder.h"
#include "table/block_sizing.h"
#include "table/entry.h"
#include "table/footer.h"
#include "table/partition_builder.h"
#include "table/properties.h"
#include "table/stored_unit.h"
#include "table/table_space.h"

namespace siltstone::table {

struct TableOptions {
  base::Codec codec = base::Codec::none;
  std::uint64_t hash_seed = 0;  ///< The store's.
  /// Of a block in memory, a multiple of kFrameUnitBytes up to kMaxFrameBytes; 0 to choose by what
  /// the entries are like.
  std::size_t frame_bytes = 0;
  /// Key and value, on average: how the first blocks are cut.
  std::size_t entry_bytes = 128;
  /// A larger value lies outside its block.
  std::size_t max_inside_bytes = kMaxInsideValueBytes;
  PartitionOptions partition{};
};

/// What became of a table, once it was flushed and is part of a commit.
struct FinishedTable {
  base::TableId id;
  std::vector<page::Extent> extents;
  std::uint32_t sectors = 0;
  std::string first_key;
  std::string last_key;
  Properties properties;
};

/// Thread-bound. After an error, also std::bad_alloc, it may only be destroyed: the space that it
/// took is given back.
class TableBuilder {
 public:
  /// Borrows file and writer, which outlive it. `expected_bytes` sizes the first extents.
  TableBuilder(base::TableId id, const TableOptions& options, page::PageFile& file,
               page::ExtentWriter& writer, page::Claim claim, std::uint64_t expected_bytes);

  /// The next entry. REQUIRES: it comes after all before, its kind is one that tables hold.
  /// `no_space`, or what ExtentWriter::write() says.
  [[nodiscard]] Result<void> add(const Entry& entry);
  /// True before the first entry.
  [[nodiscard]] bool empty() const noexcept { return properties_.counts.entries == 0; }
  /// What the table takes so far, without the block in the making: where to cut, between two keys.
  [[nodiscard]] std::uint64_t stored_bytes() const noexcept { return stored_bytes_; }

  /// Ends the table. Its extents are the caller's then, and written once the ExtentWriter was
  /// flushed. REQUIRES: !empty(); nothing is called afterwards.
  [[nodiscard]] Result<FinishedTable> finish();

 private:
  [[nodiscard]] Result<void> add_outside(const Entry& entry);
  void count(const Entry& entry);
  [[nodiscard]] Result<void> end_block();
  [[nodiscard]] Result<void> end_partition();
  struct Written {
    SectorRange place;
    std::size_t payload_bytes = 0;  // as stored
  };
  [[nodiscard]] Result<Written> write_unit(UnitType type, base::Codec codec, base::Bytes raw);

  const base::TableId id_;
  const TableOptions options_;
  SpaceWriter space_;
  BlockSizing sizing_;
  BlockBuilder block_;
  PartitionBuilder partition_;
  PartitionBuilder root_;  // leads to partitions as they do to blocks
  Properties properties_;
  std::string first_key_;
  std::string last_key_;
  std::uint64_t last_hash_ = 0;
  std::vector<std::uint64_t> hashes_;  // of the entries that no finished block has
  std::string partition_first_;        // first key of the partition in the making
  std::string partition_last_;
  std::vector<std::byte> payload_;
  std::vector<std::byte> unit_;
  std::uint64_t stored_bytes_ = 0;
};

}  // namespace siltstone::table
