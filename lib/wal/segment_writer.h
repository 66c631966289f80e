// The drain: writes groups of records as frames at the end of the segment that this open made.
//
// Invariants:
// 1. Every drain starts at a fresh block, so that sectors once durable are never written again.
// 2. When drain() returns ok, its records and everything before them are on stable storage.
// 3. After the first failure the writer is dead: nothing is written, tried again or synced any
//    more, and every call returns that failure. Whether the failed group survives is decided at the
//    next open.
// 4. Each record is checked against its checksum after it was copied out, so that memory that
//    changed since encode_record() is found before it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <siltstone/error.h>
#include <siltstone/options.h>

#include "base/ids.h"
#include "io/complete.h"
#include "io/storage.h"
#include "wal/record.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// Raw bytes at which a frame is full; a larger record has a frame of its own, and beyond
/// kMaxRawBytes several.
inline constexpr std::size_t kFrameTargetBytes = std::size_t{256} << 10;

/// Thread-bound: one call at a time; each sees what the ones before it did.
class SegmentWriter {
 public:
  /// Goes on at `end` of a segment whose header, and everything before `end`, is durable. The next
  /// operation gets sequence `next`, the next record ring place `ring`.
  SegmentWriter(std::unique_ptr<io::Channel> channel, std::unique_ptr<io::File> file,
                const SegmentHeader& header, std::uint64_t end, base::Sequence next, RingPlace ring,
                Compression compression);
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;
  ~SegmentWriter();

  /// Writes one group, in this order, and returns when it is durable. The first record's place must
  /// be ring(), each further one's that of the one before plus its size(), and sequences must rise
  /// from next(). The entries stay the caller's and must not change during the call.
  /// Errors: no_space, io; corruption when a record does not match its checksum.
  [[nodiscard]] Result<void> drain(std::span<const EncodedRecord> records);

  /// Writes a frame without records, durably, which tells that everything before it is durable, so
  /// that later damage to it is recognised. With `clean_end` the last call: the store closes.
  [[nodiscard]] Result<void> mark(bool clean_end);

  /// The sequence that the next operation will get, and the place of the next record.
  [[nodiscard]] base::Sequence next() const noexcept { return next_; }
  [[nodiscard]] RingPlace ring() const noexcept { return ring_; }
  /// Behind the last frame that is durable.
  [[nodiscard]] LogPlace end() const noexcept { return {header_.id, durable_end_}; }
  /// Why the writer is dead, if it is.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }

 private:
  const std::unique_ptr<io::Channel> channel_;
  const std::unique_ptr<io::File> file_;
  const SegmentHeader header_;
  const Compression compression_;

  std::uint64_t durable_end_;
  base::Sequence next_;
  RingPlace ring_;
  std::optional<Error> failure_;
};

}  // namespace siltstone::wal
