// The payload of a stored unit of type partition: docs/file_format.md in constants, and its codec.
// Reader and writer share it; nothing else is in it.
//
//   payload    | blocks 4 | keys 4 | filter lines 4 | prefix bytes 4 | probes 1 | zero 7 |
//              0          4        8                12               16         17       24
//              | prefix | block 0 | block 1 | ... | filter line 64 | filter line 64 | ...
//
//   block 0    | gap varint | sectors varint |
//   block i    | gap varint | sectors varint | text varint | suffix |
//
// The gap of a block is what lies between the one before it, or sector 0, and its first sector. Its
// separator is the prefix and the suffix, text - 1 bytes; a text of 0 means that it has none: it
// goes on with the only key of the block before. Separators ascend. The filter is that of filter.h.
//
// Integers are little-endian, varints canonical. The unit's checksum covers all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "table/filter.h"
#include "table/index.h"
#include "table/sector.h"

namespace siltstone::table {

inline constexpr std::size_t kPartitionHeaderBytes = 24;
/// Of keyspace and user's key: as long as the longest key.
inline constexpr std::size_t kMaxSeparatorBytes = 4 + 65'535;
/// Of gap and sectors, at least.
inline constexpr std::size_t kMinPartitionBlockBytes = 2;
/// Far more than builders put in one, but for those that one key fills, which are never parted.
inline constexpr std::uint32_t kMaxPartitionBlocks = 1U << 20;
/// No payload is larger: a reader refuses to take memory for more. Builders cut far below.
inline constexpr std::size_t kMaxPartitionBytes = std::size_t{32} << 20;

static_assert(kMaxPartitionBlocks <= Index::kMaxSeparators);
static_assert(kPartitionHeaderBytes == 4 * sizeof(std::uint32_t) + 1 + 7);

/// What a partition says; views of memory that its maker keeps.
struct PartitionContent {
  std::uint32_t keys = 0;             ///< Distinct keys, each in the filter.
  std::string_view prefix;            ///< Of all separators.
  std::vector<SectorRange> blocks;    ///< At least one; apart and ascending.
  std::vector<Separator> separators;  ///< Ascending; ranges are blocks, from 1.
  FilterShape filter_shape;
  base::Bytes filter;
};

/// Appends the payload to `out`, which may hold anything before. `unsupported` when it would exceed
/// kMaxPartitionBlocks or kMaxPartitionBytes. Throws only std::bad_alloc.
[[nodiscard]] Result<void> encode_partition(const PartitionContent& content,
                                            std::vector<std::byte>& out);

/// Takes apart a payload, which may be hostile, of a table of so many sectors; the content views
/// it.
/// `corruption`, with the offset in the payload, when a block cannot be, separators do not ascend,
/// or lengths do not fit. Memory taken is bounded by the size of the payload. Throws only
/// std::bad_alloc.
[[nodiscard]] Result<PartitionContent> decode_partition(base::Bytes payload,
                                                        std::uint32_t table_sectors);

}  // namespace siltstone::table
