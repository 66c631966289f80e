// What is in a table, in numbers, and how it was built: the payload of its properties unit.
//
//   properties | count v | { tag v | value v } * count
//
// Ascending tags, each at most once; a tag that this code does not know is passed over, one that is
// missing is 0. Signed numbers are stored as the unsigned ones of the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "base/ids.h"

namespace siltstone::table {

/// Tags there may be: more than will ever be given.
inline constexpr std::size_t kMaxProperties = 256;

struct TableCounts {
  std::uint64_t entries = 0;   ///< Versions of all kinds.
  std::uint64_t erasures = 0;  ///< Of those.
  std::uint64_t expiring = 0;  ///< Values with an expiry.
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;

  friend bool operator==(const TableCounts&, const TableCounts&) = default;
};

struct Properties {
  TableCounts counts;
  base::Sequence oldest;  ///< Of its versions;
  base::Sequence newest;  ///< both 0 once no snapshot could tell.
  /// Of what expires: milliseconds of wall clock since 1970; both 0 when nothing does.
  std::int64_t first_expiry = 0;
  std::int64_t last_expiry = 0;
  std::uint64_t keys = 0;    ///< Different ones.
  std::uint64_t blocks = 0;  ///< Of entries.
  std::uint64_t partitions = 0;
  std::uint64_t outside_values = 0;  ///< That lie in units of their own.
  std::uint64_t raw_bytes = 0;       ///< Of the blocks, before compression.
  std::uint64_t stored_bytes = 0;    ///< Of the same, in whole sectors.
  std::uint64_t filter_bits = 0;     ///< Per key.

  friend bool operator==(const Properties&, const Properties&) = default;
};

/// Throws only std::bad_alloc.
[[nodiscard]] std::vector<std::byte> encode_properties(const Properties& properties);
/// Takes a payload apart, which may be hostile. An error has the offset in the payload.
[[nodiscard]] Result<Properties> decode_properties(base::Bytes payload) noexcept;

}  // namespace siltstone::table
