// The format of the catalog's payload, which the page file keeps without knowing it:
// docs/file_format.md in constants, and its codec. The page file's checksum covers it.
//
//   payload | version u32 | zero u32 | segment u64 | offset u64 | session u64 | position u64 |
//           | next sequence u64 | next table u64 |                                   = 56 bytes
//           | levels v { runs v { tables v { table } } } |
//   table   | id v | bytes v | extents v { first page u32, pages u32 } |
//           | lower v text | upper v text | oldest v | newest - oldest v |
//           | expiring v [ first expiry u64, last expiry u64 ] |
//           | entries v | erasures v | key bytes v | value bytes v |
//
// Integers are little-endian, v is a canonical varint; texts have their length in front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "tree/catalog.h"

namespace siltstone::tree {

inline constexpr std::uint32_t kCatalogVersion = 1;
inline constexpr std::size_t kCatalogHeadBytes = 56;
/// Of the smallest table there can be; and of an extent in its list.
inline constexpr std::size_t kLeastTableBytes = 21;
inline constexpr std::size_t kTableExtentBytes = 8;

static_assert(kCatalogHeadBytes == 2 * sizeof(std::uint32_t) + 6 * sizeof(std::uint64_t));
static_assert(kTableExtentBytes == 2 * sizeof(std::uint32_t));
static_assert(kLeastTableBytes > kTableExtentBytes);

/// Throws only std::bad_alloc.
[[nodiscard]] std::vector<std::byte> encode_catalog(const Catalog& catalog);

/// Takes a payload apart, which may be hostile: everything that the invariants of Catalog say of
/// single numbers and of neighbours holds in what it returns, and no extent is used twice. An error
/// has the offset in the payload: `corruption`, or `unsupported` for a newer version. Memory is
/// bounded by the size of the payload. Throws only std::bad_alloc.
[[nodiscard]] Result<Catalog> decode_catalog(base::Bytes payload);

}  // namespace siltstone::tree
