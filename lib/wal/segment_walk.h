// Walks the frames of one segment, and judges what is behind the last one that counts.
#pragma once

#include <cstdint>
#include <optional>

#include <siltstone/error.h>

#include "wal/pieces.h"
#include "wal/replay.h"
#include "wal/segment_reader.h"
#include "wal/slots.h"

namespace siltstone::wal {

/// How far the frames of a segment go, and why no further.
struct WalkEnd {
  std::uint64_t end = kFirstFrameOffset;   ///< Behind the last whole record or mark that counts.
  std::uint64_t stop = kFirstFrameOffset;  ///< Here begins what is no frame that counts.
  std::optional<Error> fault;              ///< Why it is none; nothing where the segment just ends.
  bool is_damage = false;                  ///< It should have been one.
  bool clean_end = false;                  ///< The last frame says that nothing follows.
  std::uint64_t dirty_end = 0;  ///< Of the last segment: behind its last block that is not zeros.
};

class SegmentWalk {
 public:
  /// All are borrowed. `end` is what the successor names; nothing for the last segment. `is_live`:
  /// a writer may be at work, so that what looks damaged is read once more.
  SegmentWalk(SegmentReader& reader, const Slot& slot, std::optional<std::uint64_t> end,
              Replay& replay, Pieces& pieces, bool is_live) noexcept
      : reader_(reader), slot_(slot), end_(end), replay_(replay), pieces_(pieces), live_(is_live) {}

  /// Hands out every record that counts. Errors: those of I/O, and the sink's.
  [[nodiscard]] Result<WalkEnd> run();

 private:
  [[nodiscard]] bool at_end() const noexcept;
  [[nodiscard]] Result<Frame> next_frame();
  [[nodiscard]] Result<void> accept(const Frame& frame);
  [[nodiscard]] Result<void> judge(const Frame& frame);
  [[nodiscard]] Result<std::optional<std::uint64_t>> look_behind(LogPlace place);

  SegmentReader& reader_;
  const Slot& slot_;
  const std::optional<std::uint64_t> end_;
  Replay& replay_;
  Pieces& pieces_;
  const bool live_;
  WalkEnd walk_;
};

}  // namespace siltstone::wal
