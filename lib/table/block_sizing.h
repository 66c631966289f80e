// How large the blocks of one table should be, and whether to try the codec: decided block by block
// from what the blocks before came to.
//
// A block should fill a page as it is stored, since a page is what a read of one key costs, and
// fill its frame in memory; and it should hold at least sixteen entries. So pages are added until
// sixteen entries fit, and the frame is chosen that wastes least of page and frame together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/compression.h"
#include "table/block_builder.h"

namespace siltstone::table {

/// Thread-bound. Pure: the same calls, the same answers.
class BlockSizing {
 public:
  /// `entry_bytes`: what keys and values are expected to take, on average. `frame_bytes`: a frame
  /// to fill whatever the blocks come to, a multiple of kFrameUnitBytes up to kMaxFrameBytes; 0
  /// to choose.
  BlockSizing(base::Codec codec, std::size_t entry_bytes, std::size_t frame_bytes = 0) noexcept;

  /// For the next block.
  [[nodiscard]] BlockLimits limits() const noexcept;
  /// To try on the next block: `none` most of the time once it was no use for a while.
  [[nodiscard]] base::Codec codec() const noexcept;

  /// What a block came to. `codec` is what was tried; `stored_bytes` are those of the payload.
  void record(std::uint32_t entries, std::size_t raw_bytes, base::Codec codec,
              std::size_t stored_bytes) noexcept;

 private:
  [[nodiscard]] std::size_t best_frames(double raw_bytes) const noexcept;
  [[nodiscard]] double raw_in(std::size_t frames) const noexcept;

  const base::Codec codec_;
  const std::size_t frame_bytes_;
  double entry_bytes_;    // of an entry in the raw form, on average lately
  double ratio_ = 1;      // stored to raw, on average lately
  double deviation_ = 0;  // of single blocks from it
  bool has_ratio_ = false;
  std::uint32_t useless_ = 0;  // tries in a row
  std::uint32_t skipped_ = 0;  // blocks since the last try
};

}  // namespace siltstone::table
