// What is done ahead of the drains: zeros behind the end of the segment in use, and the slot of the
// segment that follows it.
//
// A durable write to blocks that were written before costs one flush of the device; one that makes
// the file longer waits for a commit of the file system's journal as well, and takes about twice as
// long. And a slot that is there, under a durable name, costs the drain that goes on in it no more
// than its header.
//
// A slot is made as `N.new`, filled with zeros, synced, renamed, and the directory synced: under
// its name it is an unused slot from the first moment, whatever a power cut leaves.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "io/complete.h"
#include "io/environment.h"
#include "io/storage.h"
#include "wal/segment_writer.h"

namespace siltstone::wal {

/// How large segments grow: so large logs need few, and small ones stay small.
struct SegmentSizes {
  std::uint64_t first_bytes = std::uint64_t{1} << 20;
  std::uint64_t most_bytes = std::uint64_t{64} << 20;

  /// Bytes of a segment beside so many other slots: the first three are alike, each further one is
  /// twice as large as the one before.
  [[nodiscard]] std::uint64_t of(std::size_t other_slots) const noexcept {
    constexpr std::size_t kAlike = 3;
    constexpr std::size_t kMostDoublings = 32;
    const std::size_t doublings = std::max(other_slots, kAlike - 1) - (kAlike - 1);
    if (doublings >= kMostDoublings) return most_bytes;
    return std::min(first_bytes << doublings, most_bytes);
  }
};

/// Thread-bound: one call at a time. Drains may write to the same file meanwhile, elsewhere.
class SegmentAhead {
 public:
  static constexpr std::size_t kStepBytes = std::size_t{256} << 10;

  /// For the log in directory `wal`. `unused`: slots in it that hold no segment.
  [[nodiscard]] static Result<std::unique_ptr<SegmentAhead>> make(
      io::Storage& storage, io::Entropy& entropy, std::unique_ptr<io::Directory> wal,
      const SegmentSizes& sizes, std::vector<std::string> unused);
  SegmentAhead(std::unique_ptr<io::Channel> channel, io::Entropy& entropy,
               std::unique_ptr<io::Directory> wal, const SegmentSizes& sizes,
               std::vector<std::string> unused, base::AlignedBuffer zeros) noexcept;

  /// How far the zeros should reach when the frames of a segment of this size do: further, the more
  /// was written, so that small stores stay small.
  [[nodiscard]] static std::uint64_t goal(std::uint64_t frames_end,
                                          std::uint64_t segment_bytes) noexcept;
  /// Writes one step of zeros from `offset` on, durably. Where that fails the segment grows as it
  /// is written, only slower.
  [[nodiscard]] Result<void> write_zeros(io::File& file, std::uint64_t offset) noexcept;

  /// Makes the slot of the next segment. Nothing when the log has all that it may have. After an
  /// error the next call begins anew. Throws only std::bad_alloc.
  [[nodiscard]] Result<std::optional<NextSegment>> prepare();

 private:
  [[nodiscard]] Result<std::unique_ptr<io::File>> take_slot(const std::string& old_name,
                                                            const std::string& name);
  [[nodiscard]] Result<std::unique_ptr<io::File>> make_slot(const std::string& name);
  [[nodiscard]] Result<NextSegment> ready(std::unique_ptr<io::File> file, std::size_t other_slots);

  const std::unique_ptr<io::Channel> channel_;
  io::Entropy& entropy_;
  const std::unique_ptr<io::Directory> wal_;
  const SegmentSizes sizes_;
  std::vector<std::string> unused_;
  const base::AlignedBuffer zeros_;
};

}  // namespace siltstone::wal
