// The rules of docs/file_format.md, "Reading a log", for one segment.
#include "wal/segment_walk.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/place_error.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

void break_frame(Frame& frame, const Error& why, std::string_view path) noexcept {
  frame.check = FrameCheck::broken;
  frame.fault = base::at_place(why, path, frame.offset);
}

}  // namespace

bool SegmentWalk::at_end() const noexcept {
  if (replay_.unfinished()) return false;
  return end_ ? walk_.stop == *end_ : walk_.clean_end;
}

Result<WalkEnd> SegmentWalk::run() {
  bool looked_again = false;
  while (!at_end()) {
    const Frame frame = SILT_TRY(next_frame());
    if (frame.check == FrameCheck::valid) {
      SILT_TRY(accept(frame));
      looked_again = false;
      continue;
    }
    SILT_TRY(judge(frame));
    if (!walk_.is_damage || !live_ || looked_again) return std::move(walk_);
    // The writer may have been at this frame when it was read, and have gone on since.
    reader_.forget();
    looked_again = true;
  }
  walk_.fault.reset();
  walk_.is_damage = false;
  if (end_) return std::move(walk_);
  // Nothing is written behind a clean end, so no tear explains a frame of this segment there.
  const LogPlace start{slot_.header()->id, 0};
  if (const auto frame = SILT_TRY(look_behind(start))) {
    walk_.is_damage = true;
    walk_.fault = base::at_place(base::fail(ErrorCode::corruption, "a frame follows the clean end"),
                                 slot_.path, *frame);
  }
  return std::move(walk_);
}

Result<Frame> SegmentWalk::next_frame() {
  Frame frame = SILT_TRY(reader_.read(walk_.stop));
  if (frame.check != FrameCheck::valid) return frame;
  if (end_ && frame.extent > *end_ - walk_.stop) {
    break_frame(frame, base::fail(ErrorCode::corruption, "a frame goes beyond its segment's end"),
                slot_.path);
  } else if (auto checked = replay_.check(frame.header, frame.raw); !checked) {
    break_frame(frame, checked.error(), slot_.path);
  }
  return frame;
}

// The sink is told of a frame first, then of its records.
Result<void> SegmentWalk::accept(const Frame& frame) {
  const FrameKind kind = frame.header.kind;
  walk_.stop += frame.extent;
  walk_.clean_end = (frame.header.flags & kCleanEnd) != 0;
  if (kind == FrameKind::large_begin || kind == FrameKind::large_middle) {
    pieces_.hold(slot_, frame);
  } else {
    walk_.end = walk_.stop;
    pieces_.release(PieceState::valid);
    pieces_.frame(slot_, kind == FrameKind::mark ? PieceState::mark : PieceState::valid, frame);
  }
  return replay_.accept(frame.header, frame.raw);
}

// Only in the last segment may frames end before the end, and only where nobody vouches for more.
Result<void> SegmentWalk::judge(const Frame& frame) {
  walk_.fault = frame.fault;
  walk_.is_damage = end_ || frame.check == FrameCheck::broken;
  if (end_) return {};
  const auto witness = SILT_TRY(look_behind({slot_.header()->id, walk_.stop}));
  if (walk_.is_damage || !witness) return {};
  walk_.is_damage = true;
  const auto text = fmt::format("{}; this had been durable, says the frame at offset {}",
                                frame.fault->message(), *witness);
  Error error = base::fail(ErrorCode::corruption, text);
  if (frame.fault->has_mismatch()) {
    error = base::fail(ErrorCode::corruption, text)
                .mismatch(frame.fault->expected(), frame.fault->actual());
  }
  walk_.fault = base::at_place(error, slot_.path, frame.offset);
  return {};
}

// Finds where zeros begin, and a frame with a watermark beyond `place`.
Result<std::optional<std::uint64_t>> SegmentWalk::look_behind(LogPlace place) {
  const std::uint64_t size = SILT_TRY(reader_.size());
  std::optional<std::uint64_t> witness;
  walk_.dirty_end = walk_.stop;
  for (std::uint64_t offset = walk_.stop; offset < size; offset += kBlockBytes) {
    const auto probe = SILT_TRY(reader_.probe(offset));
    if (!probe.is_zero) walk_.dirty_end = std::min(offset + kBlockBytes, size);
    if (!witness && probe.header && probe.header->watermark > place) witness = offset;
  }
  return witness;
}

}  // namespace siltstone::wal
