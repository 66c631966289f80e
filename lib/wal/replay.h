// Turns the frames that count, in order, into records for a sink.
//
// Invariants:
// 1. A frame is checked through and through before anything of it is handed out.
// 2. Records follow each other without a gap in ring position, and sequences only grow; anything
//    else in a frame whose checksums match is an error, never a torn tail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "base/ids.h"
#include "wal/record.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

class LogSink;

class Replay {
 public:
  /// `sink` is borrowed.
  explicit Replay(LogSink& sink) noexcept : sink_(sink) {}

  /// The frames of this segment come next. Errors: corruption, when it does not continue what was
  /// there; without the place, as all errors of the checks here.
  [[nodiscard]] Result<void> begin_segment(const SegmentHeader& header);
  /// Checks that a frame continues what was there; changes nothing that a later call relies on.
  [[nodiscard]] Result<void> check(const FrameHeader& header, base::Bytes raw);
  /// Hands out the records of the frame just checked, which counts from now on. Errors are the
  /// sink's.
  [[nodiscard]] Result<void> accept(const FrameHeader& header, base::Bytes raw);
  /// Forgets the pieces of a record whose end is missing: it was never written.
  void drop_unfinished() noexcept { large_.clear(); }

  /// True between the first piece of a large record and its end.
  [[nodiscard]] bool unfinished() const noexcept { return !large_.empty(); }
  /// The next operation has at least this sequence.
  [[nodiscard]] base::Sequence next() const noexcept { return next_; }
  /// Where the records end.
  [[nodiscard]] RingPlace ring() const noexcept { return ring_; }
  [[nodiscard]] std::uint64_t records() const noexcept { return record_count_; }
  [[nodiscard]] std::uint64_t operations() const noexcept { return operation_count_; }

 private:
  [[nodiscard]] bool continues(RingPlace start) const noexcept;
  [[nodiscard]] Result<void> check_records(const FrameHeader& header, base::Bytes raw);
  [[nodiscard]] Result<void> check_record(base::Bytes bytes, RingPlace place, base::Sequence floor);
  [[nodiscard]] Result<void> check_large_begin(const FrameHeader& header, base::Bytes raw);
  [[nodiscard]] Result<void> check_large_rest(const FrameHeader& header, base::Bytes raw);

  LogSink& sink_;
  base::Sequence next_{1};
  RingPlace ring_;
  std::uint64_t record_count_ = 0;
  std::uint64_t operation_count_ = 0;

  std::vector<Record> found_;  // of the frame just checked
  std::string large_;          // the pieces so far; empty outside of a large record
  FrameHeader large_begin_;
};

}  // namespace siltstone::wal
