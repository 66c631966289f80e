// The drain: writes groups of records as frames at the end of the log, in the segment that this
// open made, and in those that follow it.
//
// Invariants:
// 1. Every drain starts at a fresh block, so that sectors once durable are never written again.
// 2. When drain() returns ok, its records and everything before them are on stable storage.
// 3. After the first failure the writer is dead: nothing is written, tried again or synced any
//    more, and every call returns that failure. Whether the failed group survives is decided at the
//    next open.
// 4. Each record is checked against its checksum after it was copied out, so that memory that
//    changed since encode_record() is found before the record counts.
// 5. A drain allocates nothing: all its memory is had when the writer is made, or the next segment.
// 6. A segment has a successor only when all its frames are durable, and gets no more of them then.
//    The successor's header is durable before the first frame behind it. No drain lies in two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/compression.h"
#include "base/ids.h"
#include "io/complete.h"
#include "io/storage.h"
#include "wal/block_buffer.h"
#include "wal/frame_batch.h"
#include "wal/record.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// Raw bytes at which a frame is full; a larger record has a frame of its own, and beyond
/// kMaxRawBytes several.
inline constexpr std::size_t kFrameTargetBytes = std::size_t{256} << 10;

/// Where a new segment's writer starts.
struct WriterStart {
  SegmentHeader header;  ///< Durable, and so is everything before `end`.
  std::uint64_t end = kFirstFrameOffset;
  base::Sequence next{1};  ///< Of the next operation.
  RingPlace ring;          ///< Of the next record.
};

/// A slot that is ready to be the next segment, but for the header: its name is durable, and its
/// first three blocks are zeros.
struct NextSegment {
  std::unique_ptr<io::File> file;
  BlockBuffer headers;           ///< Room for both copies.
  std::uint64_t nonce = 0;       ///< Drawn at random.
  std::uint64_t zeros_end = 0;   ///< Before here, every block was written once.
  std::uint64_t size_bytes = 0;  ///< It is full when its frames reach this; a drain may go beyond.
};

/// Thread-bound: one call at a time; each sees what the ones before it did.
class SegmentWriter {
 public:
  /// `codec` must be available. Throws std::bad_alloc.
  SegmentWriter(std::unique_ptr<io::Channel> channel, std::unique_ptr<io::File> file,
                const WriterStart& start, base::Codec codec);
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;
  ~SegmentWriter() = default;

  /// Writes these records and returns when they are durable. The first one's place must be ring(),
  /// each further one's where the one before ends, and sequences must rise from next(). The memory
  /// stays the caller's and must not change during the call.
  /// Errors: no_space, io; corruption when a record does not match its checksum.
  [[nodiscard]] Result<void> drain(const RecordRange& records) noexcept;

  /// Writes a frame without records, durably, which tells that everything before it is durable, so
  /// that later damage to it is recognised. With `clean_end` the last call that writes: the store
  /// closes, and later calls answer `closed`.
  [[nodiscard]] Result<void> mark(bool clean_end) noexcept;

  /// Goes on in another slot: the next drain is the first in it.
  [[nodiscard]] Result<void> roll(NextSegment next) noexcept;

  /// The sequence that the next operation will get, and the place of the next record.
  [[nodiscard]] base::Sequence next() const noexcept { return next_; }
  [[nodiscard]] RingPlace ring() const noexcept { return ring_; }
  /// Behind the last frame that is durable.
  [[nodiscard]] LogPlace end() const noexcept { return {header_.id, durable_end_}; }
  /// The segment's file; lives until the next roll(), or as long as the writer.
  [[nodiscard]] io::File& file() noexcept { return *file_; }
  /// Most bytes of the segment that draining so many bytes of records takes.
  [[nodiscard]] static std::uint64_t max_frame_bytes(std::uint64_t record_bytes) noexcept;
  /// Why the writer is dead, if it is.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }

 private:
  // A drain in memory: what next_ and ring_ will be when it is durable, and the frame being filled.
  struct Progress {
    base::Sequence next;
    RingPlace ring;
    FrameHeader frame;  // kind none when no frame is open
  };

  [[nodiscard]] Result<void> add_all(const RecordRange& records) noexcept;
  [[nodiscard]] Result<void> add(const RecordRange& record) noexcept;
  [[nodiscard]] Result<void> add_large(const RecordRange& record) noexcept;
  [[nodiscard]] Result<void> make_room(std::size_t payload_bytes) noexcept;
  [[nodiscard]] FrameHeader frame_header(FrameKind kind) const noexcept;
  void close_frame() noexcept;
  void seal(FrameHeader header) noexcept;
  [[nodiscard]] Result<void> write(std::uint64_t offset, base::Bytes bytes) noexcept;
  [[nodiscard]] Result<void> write_frames() noexcept;
  [[nodiscard]] Result<void> finish() noexcept;
  [[nodiscard]] Result<void> end_drain(Result<void> outcome) noexcept;
  void begin_drain() noexcept;

  const std::unique_ptr<io::Channel> channel_;
  std::unique_ptr<io::File> file_;
  SegmentHeader header_;
  const base::Codec codec_;

  FrameBatch frames_;
  base::AlignedBuffer compressed_;
  std::uint64_t durable_end_;
  base::Sequence next_;
  RingPlace ring_;
  Progress progress_;
  std::optional<Error> failure_;
};

}  // namespace siltstone::wal
