// Averages that forget, and the choice of pages and frame.
#include "table/block_sizing.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace siltstone::table {
namespace {

constexpr double kMinEntries = 16;
constexpr std::size_t kMaxFrames = kMaxFrameBytes / kFrameUnitBytes;
// Of a block in memory beside its entries: tag or share of a line, slot and head of each; header,
// a prefix of moderate length, tail.
constexpr double kTagOverhead = 1 + 2 + 4;
constexpr double kLineOverhead = double{kLineBytes} / kEntriesPerLine + 2 + 4;
constexpr double kBlockOverhead = 48;
// Shares of a new block in the averages. A block over its page costs another one, so that what is
// aimed at is the average and twice the deviation: nearly all blocks stay within their page.
constexpr double kShare = 0.125;
constexpr double kDeviationShare = 0.25;
constexpr double kDeviations = 2;
// After so many useless tries in a row only one block in so many is tried.
constexpr std::uint32_t kTriesBeforeSkipping = 8;
constexpr std::uint32_t kBlocksPerTry = 16;

}  // namespace

BlockSizing::BlockSizing(base::Codec codec, std::size_t entry_bytes,
                         std::size_t frame_bytes) noexcept
    : codec_(codec),
      frame_bytes_(frame_bytes),
      entry_bytes_(static_cast<double>(std::max<std::size_t>(entry_bytes, kMinEntryBytes))) {
  SILT_ASSERT(frame_bytes % kFrameUnitBytes == 0);
  SILT_ASSERT(frame_bytes <= kMaxFrameBytes);
}

BlockLimits BlockSizing::limits() const noexcept {
  if (frame_bytes_ != 0) return {.raw_bytes = kMaxRawBlockBytes, .frame_bytes = frame_bytes_};
  const double ratio = std::min(1.0, ratio_ + kDeviations * deviation_);
  double raw_bytes = 0;
  std::size_t frames = 0;
  for (std::size_t pages = 1; frames < kMaxFrames; ++pages) {
    const std::size_t unit_bytes = pages * kSectorsPerPage * kSectorBytes;
    raw_bytes = static_cast<double>(unit_bytes - kUnitHeaderBytes) / ratio;
    frames = best_frames(raw_bytes);
    if (std::min(raw_bytes, raw_in(frames)) >= kMinEntries * entry_bytes_) break;
  }
  return {.raw_bytes = static_cast<std::size_t>(raw_bytes),
          .frame_bytes = frames * kFrameUnitBytes};
}

// The frame that holds so many raw bytes, or the next smaller one with what of them fits into it.
// The filled share of the page grows with the raw bytes; that of the frame does too, and shrinks
// with the frame. The better of the two has the greater product.
std::size_t BlockSizing::best_frames(double raw_bytes) const noexcept {
  std::size_t frames = 1;
  while (frames < kMaxFrames && raw_in(frames) < raw_bytes) ++frames;
  const auto filled = [&](std::size_t in) {
    const double raw = std::min(raw_bytes, raw_in(in));
    return raw * raw / static_cast<double>(in);
  };
  return frames > 1 && filled(frames - 1) > filled(frames) ? frames - 1 : frames;
}

// Raw bytes of a block that fills so many frame units.
double BlockSizing::raw_in(std::size_t frames) const noexcept {
  const double room = static_cast<double>(frames * kFrameUnitBytes) - kBlockOverhead;
  const bool has_lines = room / (entry_bytes_ + kTagOverhead) > kMaxTags;
  const double overhead = has_lines ? kLineOverhead : kTagOverhead;
  return room * entry_bytes_ / (entry_bytes_ + overhead);
}

base::Codec BlockSizing::codec() const noexcept {
  const bool is_skipped = useless_ >= kTriesBeforeSkipping && skipped_ < kBlocksPerTry - 1;
  return is_skipped ? base::Codec::none : codec_;
}

void BlockSizing::record(std::uint32_t entries, std::size_t raw_bytes, base::Codec codec,
                         std::size_t stored_bytes) noexcept {
  SILT_ASSERT(entries > 0);
  SILT_ASSERT(stored_bytes <= raw_bytes);
  const double ratio = static_cast<double>(stored_bytes) / static_cast<double>(raw_bytes);
  if (has_ratio_) {
    deviation_ += kDeviationShare * (std::abs(ratio - ratio_) - deviation_);
    ratio_ += kShare * (ratio - ratio_);
  } else {
    has_ratio_ = true;
    ratio_ = ratio;
  }
  const double entry_bytes = static_cast<double>(raw_bytes) / static_cast<double>(entries);
  entry_bytes_ += kShare * (entry_bytes - entry_bytes_);

  if (codec == base::Codec::none) {
    ++skipped_;
    return;
  }
  skipped_ = 0;
  useless_ = stored_bytes < raw_bytes ? 0 : useless_ + 1;
}

}  // namespace siltstone::table
