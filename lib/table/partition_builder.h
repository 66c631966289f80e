// Gathers what a partition says of its blocks while a table is written: keys for the filter, the
// place of each block, and the separators between them.
//
// In the order of the table: add_key() for each key of a block, then add_block() or
// add_continuation() for the block; full() tells after each when to finish() instead of going on.
// A partition ends between two keys, so that a continuation always belongs to the one of its key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "table/partition_format.h"

namespace siltstone::table {

struct PartitionOptions {
  /// 1 to kMaxFilterBitsPerKey.
  unsigned filter_bits_per_key = kDefaultFilterBitsPerKey;
  /// At least one. With this many of 4 KiB, a partition takes 2 % of what it leads to: some 80 KiB,
  /// which is what a read pays whose partition is not in memory.
  std::uint32_t max_blocks = 1024;
  /// Cut there, whatever the number of blocks: many small keys make filters large, long keys
  /// separators. A partition is read and kept as a whole.
  std::size_t target_bytes = std::size_t{256} << 10;
};

/// Not thread-safe. Throws only std::bad_alloc.
class PartitionBuilder {
 public:
  explicit PartitionBuilder(const PartitionOptions& options = {});

  /// A key of the next block, by its hash; for further versions of the same key again or not.
  void add_key(std::uint64_t hash);
  /// The next block: its first and last key.
  /// REQUIRES: keys ascend from block to block; it has keys, and lies behind the block before.
  void add_block(std::string_view first_key, std::string_view last_key, SectorRange place);
  /// The next block, which goes on with the only key of the one before.
  void add_continuation(SectorRange place);

  /// True when no block should be added that begins with another key.
  [[nodiscard]] bool full() const noexcept;
  /// True when there is no block since finish().
  [[nodiscard]] bool empty() const noexcept { return blocks_.empty(); }
  [[nodiscard]] std::uint32_t blocks() const noexcept {
    return static_cast<std::uint32_t>(blocks_.size());
  }

  /// Appends the payload of the partition to `out` and begins the next one, also after an error:
  /// `unsupported` when a key has too many versions; what was appended means nothing then.
  /// REQUIRES: not empty().
  [[nodiscard]] Result<void> finish(std::vector<std::byte>& out);

 private:
  struct Cut {
    std::uint32_t block;
    std::uint32_t text_end;  // of its separator in texts_, which begins where the last one ends
  };

  void add_place(SectorRange place);
  [[nodiscard]] PartitionContent content() const;

  PartitionOptions options_;
  std::vector<std::uint64_t> hashes_;
  std::vector<SectorRange> blocks_;
  std::vector<Cut> cuts_;
  std::string texts_;
  std::string last_key_;
};

}  // namespace siltstone::table
