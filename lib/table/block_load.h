// From the raw form of a block to the one in memory, believing nothing.
//
// Bytes whose checksum matched are as they were written, but not necessarily by us: counts,
// lengths, order, varints and kinds are all checked here, in one pass, so that nobody has to later.
// What is refused leaves the frame with no meaning.
#pragma once

#include <cstddef>
#include <cstdint>

#include <siltstone/error.h>

#include "base/bytes.h"

namespace siltstone::table {

/// What the frame for a raw block must be.
struct BlockShape {
  std::uint32_t entries = 0;
  std::size_t bytes = 0;        ///< Of the block in memory.
  std::size_t frame_bytes = 0;  ///< The same in whole frame units.
};

/// Reads the header of a raw block. At most kMaxFrameBytes but for a single entry, which at most
/// doubles that, and never more than 16 times the raw bytes and a frame unit. `corruption`, or
/// `unsupported` for unknown flags. Thread-safe.
[[nodiscard]] Result<BlockShape> read_block_shape(base::Bytes raw) noexcept;

/// Makes the block in memory. REQUIRES: `frame` is aligned to kLineBytes and of the frame_bytes of
/// the shape at least; `hash_seed` is the store's. `corruption`, or `unsupported` naming a kind of
/// entry; offsets are those in `raw`. Throws only std::bad_alloc. Thread-safe.
[[nodiscard]] Result<void> load_block(base::Bytes raw, std::uint64_t hash_seed,
                                      base::MutableBytes frame);

/// The same without tags, at half the cost: for a cursor and Block::lower_bound(), which need none.
/// Not for Block::find().
[[nodiscard]] Result<void> load_block_to_walk(base::Bytes raw, base::MutableBytes frame);

}  // namespace siltstone::table
