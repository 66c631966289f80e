// Who may append to the log ring: room is had before a write takes its sequences, so that nothing
// can fail after that. First come, first served: nobody overtakes a write that waits for room.
#pragma once

#include <cstddef>
#include <cstdint>

#include <siltstone/options.h>

#include "db/waiter.h"

namespace siltstone::db {

/// How full the log is, as the holder of the commit lock sees it.
struct LogLoad {
  std::size_t bytes = 0;         ///< In the ring.
  std::uint64_t operations = 0;  ///< Not durable yet.
  bool is_busy = false;          ///< Somebody writes from the ring.
  bool is_behind = false;        ///< The device is too slow for the interval asked for.
  bool is_moving = false;        ///< The ring must be empty before it takes anything again.
};

/// Guarded by the commit lock.
class Admission {
 public:
  Admission(std::size_t max_bytes, std::uint64_t max_operations) noexcept
      : max_bytes_(max_bytes), max_operations_(max_operations) {}

  /// Why this write cannot go on at once; `none` reserves what it needs.
  [[nodiscard]] StallCause try_admit(const Waiter& write, const LogLoad& load) noexcept;
  void queue(Waiter& write) noexcept { waiting_.push(write); }
  /// Moves those at the front that can go on now to `admitted`, and reserves what they need.
  void grant(const LogLoad& load, WaiterList& admitted) noexcept;
  /// An admitted write has appended, or a large one has ended.
  void settle(const Waiter& write) noexcept;
  void end_large() noexcept { large_ = false; }

  [[nodiscard]] bool somebody_waits() const noexcept { return !waiting_.empty(); }
  /// A large write is on its way; nobody else appends meanwhile.
  [[nodiscard]] bool has_large() const noexcept { return large_; }
  void take_all(WaiterList& out) noexcept { out.take_from(waiting_); }

 private:
  [[nodiscard]] StallCause obstacle(const Waiter& write, const LogLoad& load) const noexcept;
  void reserve(const Waiter& write) noexcept;

  const std::size_t max_bytes_;
  const std::uint64_t max_operations_;
  WaiterList waiting_;
  // Reserved and not appended.
  std::size_t bytes_ = 0;
  std::uint64_t operations_ = 0;
  bool large_ = false;
};

}  // namespace siltstone::db
