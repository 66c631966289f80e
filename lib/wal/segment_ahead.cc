// One step of zeros at a time.
#include "wal/segment_ahead.h"

#include <algorithm>
#include <utility>

#include "base/try.h"

namespace siltstone::wal {
namespace {

constexpr std::uint64_t kMostAheadBytes = std::uint64_t{4} << 20;

}  // namespace

Result<std::unique_ptr<SegmentAhead>> SegmentAhead::make(io::Storage& storage, io::File& file,
                                                         std::uint64_t end) {
  auto channel = std::make_unique<io::Channel>(SILT_TRY(storage.make_queue(1)));
  auto zeros = SILT_TRY(base::AlignedBuffer::allocate(kStepBytes));
  return std::make_unique<SegmentAhead>(std::move(channel), file, std::move(zeros), end);
}

SegmentAhead::SegmentAhead(std::unique_ptr<io::Channel> channel, io::File& file,
                           base::AlignedBuffer zeros, std::uint64_t end) noexcept
    : channel_(std::move(channel)), file_(file), zeros_(std::move(zeros)), end_(end) {}

std::uint64_t SegmentAhead::goal(std::uint64_t segment_end) noexcept {
  return segment_end + std::clamp<std::uint64_t>(segment_end, kStepBytes, kMostAheadBytes);
}

void SegmentAhead::step(std::uint64_t segment_end) noexcept {
  const std::uint64_t begin = std::max(end_, segment_end);
  const auto written =
      channel_->write_all(file_, begin, base::Bytes(zeros_.bytes()), io::Durability::durable);
  end_ = written ? begin + kStepBytes : UINT64_MAX;
}

}  // namespace siltstone::wal
