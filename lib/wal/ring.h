// The log ring: records between their commit and their drain, in memory of its own, or in that of a
// mapped file, where they outlive the process (tail.h).
//
// Invariants:
// 1. A record's byte lies at its ring position modulo the capacity, so that a record may wrap.
// 2. What range() shows stays as it is until release() has passed it: append() never overwrites it.
// 3. Nothing is stored into a part of the mapping that was not populated, or too long ago. Memory
//    of its own is at hand for when that fails.
#pragma once

#include <cstddef>
#include <memory>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/ids.h"
#include "io/storage.h"
#include "wal/record.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// Thread-bound, but for range(): a range that was appended may be looked at on any thread that
/// came to know of it, until it is released.
class Ring {
 public:
  /// Empty, of at least this many bytes; the next record goes to `start`. Memory that was never
  /// used costs nothing. A mapping, if there is one, has this size, in whole pages of 4 KiB.
  /// `out_of_memory`.
  [[nodiscard]] static Result<Ring> make(std::size_t capacity_bytes, RingPlace start,
                                         std::unique_ptr<io::Mapping> mapping = nullptr);

  [[nodiscard]] std::size_t capacity() const noexcept { return memory_.size(); }
  /// Bytes appended and not released.
  [[nodiscard]] std::size_t used() const noexcept {
    return static_cast<std::size_t>(head_ - released_);
  }
  /// Where the next record goes.
  [[nodiscard]] RingPlace head() const noexcept { return {session_, head_}; }

  /// What was appended is in the file.
  [[nodiscard]] bool is_mapped() const noexcept { return mapping_ != nullptr; }
  /// Lets `bytes` be appended, where there is room: for a mapping, a system call once in a window.
  /// After an error nothing may be appended until leave_mapping().
  [[nodiscard]] Result<void> prepare(std::size_t bytes) noexcept {
    if (head_ + bytes <= ready_) [[likely]]
      return {};
    return populate(bytes);
  }
  /// What was prepared no longer is: too much time has passed.
  void expire() noexcept {
    if (is_mapped()) ready_ = head_;
  }
  /// Goes on in memory of its own. Requires used() to be 0.
  void leave_mapping() noexcept;

  /// Appends one record, encoded for head(). Requires room for it, and that it was prepared.
  void append(const EncodedRecord& record) noexcept;
  /// Gives this many positions to a record that never enters. Requires used() to be 0.
  void skip(std::size_t bytes) noexcept;
  /// The records from one position to another, both at their borders, between released and head().
  [[nodiscard]] RecordRange range(base::RingPosition from, base::RingPosition to) const noexcept;
  /// Everything before this position may be overwritten.
  void release(base::RingPosition to) noexcept;

 private:
  Ring(base::AlignedBuffer buffer, std::unique_ptr<io::Mapping> mapping, RingPlace start) noexcept;
  [[nodiscard]] Result<void> populate(std::size_t bytes) noexcept;
  void put(base::Bytes bytes) noexcept;

  base::AlignedBuffer buffer_;  // not used while there is a mapping
  std::unique_ptr<io::Mapping> mapping_;
  base::MutableBytes memory_;
  base::SessionId session_;
  base::RingPosition head_;
  base::RingPosition released_;
  base::RingPosition ready_;  // what is behind may not be stored into
};

}  // namespace siltstone::wal
