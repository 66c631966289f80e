// Builds frames that follow each other in a segment, in memory ready to be written in one transfer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

class FrameBatch {
 public:
  /// The first frame goes to `offset` of the segment with this nonce. Holds `capacity` bytes of
  /// whole frames; memory that was never used costs nothing. Throws std::bad_alloc.
  FrameBatch(std::uint64_t nonce, std::uint64_t offset, std::size_t capacity);
  /// Where the payload of the next frame goes: as many bytes as still fit.
  [[nodiscard]] base::MutableBytes payload() const noexcept;
  /// Makes a frame of the first header.stored_bytes of payload(). Sets the payload's checksum.
  void seal(FrameHeader header) noexcept;

  /// Offset in the segment of the first and of the next frame.
  [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return begin_ + used_; }
  /// The frames, padded.
  [[nodiscard]] base::Bytes bytes() const noexcept { return buffer_.bytes().first(used_); }
  /// Goes on behind the frames, which are gone.
  void clear() noexcept;
  /// Goes on in another segment. Requires that there are no frames.
  void restart(std::uint64_t nonce, std::uint64_t offset) noexcept;

 private:
  std::uint64_t nonce_;
  base::AlignedBuffer buffer_;
  std::uint64_t begin_;
  std::size_t used_ = 0;
};

}  // namespace siltstone::wal
