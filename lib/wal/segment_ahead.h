// Zeros ahead of a segment's end. A durable write to blocks that were written before costs one
// flush of the device; one that makes the file longer waits for a commit of the file system's
// journal as well, and takes about twice as long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "io/complete.h"
#include "io/storage.h"

namespace siltstone::wal {

/// Thread-bound: one call at a time. Others may write to the file meanwhile, before end() alone.
class SegmentAhead {
 public:
  static constexpr std::size_t kStepBytes = std::size_t{256} << 10;

  /// For the segment in `file`, which ends at `end` and outlives this.
  [[nodiscard]] static Result<std::unique_ptr<SegmentAhead>> make(io::Storage& storage,
                                                                  io::File& file,
                                                                  std::uint64_t end);
  SegmentAhead(std::unique_ptr<io::Channel> channel, io::File& file, base::AlignedBuffer zeros,
               std::uint64_t end) noexcept;

  /// Before here, every block was written once.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  /// How far the zeros should reach when the segment's frames do: further, the more was written,
  /// so that small stores stay small.
  [[nodiscard]] static std::uint64_t goal(std::uint64_t segment_end) noexcept;
  /// Writes one step of zeros, durably, from end() or the end of the frames on. After an error
  /// there is no further step: the segment grows as it is written, only slower.
  void step(std::uint64_t segment_end) noexcept;

 private:
  const std::unique_ptr<io::Channel> channel_;
  io::File& file_;
  const base::AlignedBuffer zeros_;
  std::uint64_t end_;
};

}  // namespace siltstone::wal
