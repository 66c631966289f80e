// Tells a sink what each piece of a segment is.
#pragma once

#include <cstdint>
#include <vector>

#include <siltstone/error.h>

#include "wal/segment_reader.h"
#include "wal/slots.h"
#include "wal/wal_scanner.h"

namespace siltstone::wal {

/// Frames of a large record are held back until it is known whether its end is there.
class Pieces {
 public:
  /// `sink` is borrowed, and so are the slots that the calls name, as long as frames are held.
  explicit Pieces(LogSink& sink) noexcept : sink_(sink) {}

  /// The header blocks of a slot, and each bad copy of them.
  void headers(const Slot& slot, PieceState state);
  void frame(const Slot& slot, PieceState state, const Frame& frame);
  /// The records of a frame that was given up; nothing vouches for them but their checksums.
  void lost_records(const Frame& frame);
  /// A range without a valid frame. Nothing is told of an empty one.
  void range(const Slot& slot, PieceState state, std::uint64_t begin, std::uint64_t end,
             const Error* why = nullptr);

  void hold(const Slot& slot, const Frame& frame);
  /// All that is held turned out to be this.
  void release(PieceState state);

 private:
  [[nodiscard]] static Verdict verdict_of(const Slot& slot, const Frame& frame) noexcept;

  LogSink& sink_;
  std::vector<Verdict> held_;
};

}  // namespace siltstone::wal
