// Reads the log: follows the chain of segments, hands every record that counts to a sink in order,
// and says of every piece of every segment what it is.
//
// What a piece is does not depend on the recovery mode, which decides what damage does:
//   strict    the scan ends with a corruption error naming file, offset, expected and actual;
//   truncate  the log ends before the damage; the rest is looked at too, but only told to the sink.
// I/O errors, foreign or newer files, and two segments of one id end the scan in both modes.
//
// Memory is bounded whatever the files say: a few frames, plus the pieces of one large record as
// far as they are really there. Frames are looked for at block starts only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>
#include <siltstone/options.h>

#include "base/compression.h"
#include "base/ids.h"
#include "base/try.h"
#include "io/complete.h"
#include "io/storage.h"
#include "wal/record.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// What a piece of a segment is.
enum class PieceState : std::uint8_t {
  valid,      ///< Counts.
  mark,       ///< Counts, and holds no records.
  torn_tail,  ///< Of writes that were never acknowledged; dropped.
  damaged,    ///< Was durable, and is not what was written.
  given_up,   ///< Behind damage: may well be valid, but the log ends before it.
  voided,     ///< Replaced by a newer segment, whatever it holds.
  unused,     ///< Never written.
};

[[nodiscard]] std::string_view to_string(PieceState state) noexcept;

/// One piece: the headers of a segment (kind none, offset 0), a frame, or a range of other bytes
/// (kind none).
struct Verdict {
  PieceState state = PieceState::unused;
  std::string_view slot;  ///< File name in wal/.
  base::SegmentId segment;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  FrameKind kind = FrameKind::none;
  base::Codec codec = base::Codec::none;
  bool clean_end = false;
  base::Sequence first;
  std::uint32_t records = 0;
  std::uint32_t operations = 0;
  std::string_view why;        ///< Static text: why it is not valid. Empty when it is.
  std::uint64_t expected = 0;  ///< With `actual`: the values that differ; both 0 if none do.
  std::uint64_t actual = 0;
};

/// Takes what a scan finds. Views are good for the call only.
class LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;

  /// Every record that counts, in commit order, checked through and through: walking its entries
  /// cannot fail. An error ends the scan with it.
  [[nodiscard]] virtual Result<void> record(const Record& record) = 0;
  /// The same for the records of one frame.
  [[nodiscard]] virtual Result<void> records(std::span<const Record> records) {
    for (const Record& one : records) SILT_TRY(record(one));
    return {};
  }
  /// Every piece, segment by segment; a frame before the records that end in it.
  virtual void verdict(const Verdict&) {}
  /// Every record of a frame that was given up, as far as they are whole; walking its entries
  /// cannot fail. Records that have frames of their own are left out.
  virtual void lost(const Record&) {}
};

struct ScanOptions {
  RecoveryMode mode = RecoveryMode::strict;
  /// The caller never writes here: unknown compatible features do no harm, and a writer may be at
  /// work, so that a mismatch is looked at again before it is called damage.
  bool read_only = false;
};

/// A segment of the log.
struct Segment {
  std::string slot;  ///< File name in wal/.
  SegmentHeader header;
  std::uint64_t end = kFirstFrameOffset;  ///< Behind its last frame that counts.
  std::uint64_t records = 0;              ///< That end in it.
};

/// What a scan found. Without segments there is no log: it was never made, or not finished.
struct LogState {
  std::vector<Segment> chain;         ///< That count, oldest first.
  std::vector<std::string> replaced;  ///< Slots voided by a newer segment: copies, safe to remove.
  std::vector<std::string> given_up;  ///< Slots behind damage; truncate only.
  std::vector<std::string> unfinished;  ///< Files of creations that did not end.
  std::vector<std::string> unused;      ///< Slots without a segment.
  base::SegmentId highest;              ///< Of any segment seen, whether it counts or not.
  base::Sequence next{1};               ///< Beyond every sequence seen, given up ones too.
  RingPlace ring;                       ///< Where the stream of records ends.
  bool clean_end = false;               ///< The last writer closed the store.
  std::uint64_t records = 0;
  std::uint64_t operations = 0;
  std::uint64_t tail_records = 0;   ///< Of these, how many the ring's file added.
  std::uint64_t dropped_bytes = 0;  ///< Of the torn tail, or of what truncate gave up.
  std::optional<Error> damage;      ///< The first one that truncate went on from.

  [[nodiscard]] base::StoreId store() const noexcept { return chain.front().header.store; }
  /// Where reading ended.
  [[nodiscard]] LogPlace end() const noexcept { return {chain.back().header.id, chain.back().end}; }
};

/// Reads the log in directory `wal`. Changes nothing.
[[nodiscard]] Result<LogState> scan_log(io::Directory& wal, io::Channel& channel,
                                        const ScanOptions& options, LogSink& sink);

}  // namespace siltstone::wal
