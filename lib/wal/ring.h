// The log ring: records between their commit and their drain, in memory.
//
// Invariants:
// 1. A record's byte lies at its ring position modulo the capacity, so that a record may wrap.
// 2. What range() shows stays as it is until release() has passed it: append() never overwrites it.
#pragma once

#include <cstddef>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/ids.h"
#include "wal/record.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// Thread-bound, but for range(): a range that was appended may be looked at on any thread that
/// came to know of it, until it is released.
class Ring {
 public:
  /// Empty, of at least this many bytes; the next record goes to `start`. Memory that was never
  /// used costs nothing. `out_of_memory`.
  [[nodiscard]] static Result<Ring> make(std::size_t capacity_bytes, RingPlace start);

  [[nodiscard]] std::size_t capacity() const noexcept { return buffer_.size(); }
  /// Bytes appended and not released.
  [[nodiscard]] std::size_t used() const noexcept {
    return static_cast<std::size_t>(head_ - released_);
  }
  /// Where the next record goes.
  [[nodiscard]] RingPlace head() const noexcept { return {session_, head_}; }

  /// Appends one record, encoded for head(). Requires room for it.
  void append(const EncodedRecord& record) noexcept;
  /// Gives this many positions to a record that never enters. Requires used() to be 0.
  void skip(std::size_t bytes) noexcept;
  /// The records from one position to another, both at their borders, between released and head().
  [[nodiscard]] RecordRange range(base::RingPosition from, base::RingPosition to) const noexcept;
  /// Everything before this position may be overwritten.
  void release(base::RingPosition to) noexcept;

 private:
  Ring(base::AlignedBuffer buffer, RingPlace start) noexcept;
  void put(base::Bytes bytes) noexcept;

  base::AlignedBuffer buffer_;
  base::SessionId session_;
  base::RingPosition head_;
  base::RingPosition released_;
};

}  // namespace siltstone::wal
