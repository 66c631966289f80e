// Virtual time. It stands still while code runs, moves a little with every simulated call, and
// jumps when everybody waits: an hour of intervals costs no more than what happens in it.
#pragma once

#include <atomic>
#include <cstdint>

#include "io/clock.h"

namespace siltstone::support {

/// Thread-safe. The monotonic time starts at one second, so that nothing mistakes it for "never
/// set"; the wall clock at 2024-01-01.
class SimClock final : public io::Clock {
 public:
  [[nodiscard]] io::Time now() const noexcept override {
    return io::Time(io::Duration(now_.load(std::memory_order_relaxed)));
  }
  [[nodiscard]] std::int64_t wall_ms() const noexcept override {
    return now_.load(std::memory_order_relaxed) / 1'000'000 +
           wall_offset_ms_.load(std::memory_order_relaxed);
  }

  void advance(io::Duration by) noexcept { now_.fetch_add(by.count(), std::memory_order_relaxed); }
  /// Does nothing when that time has passed.
  void advance_to(io::Time time) noexcept {
    if (time > now()) now_.store(time.time_since_epoch().count(), std::memory_order_relaxed);
  }
  /// Someone sets the wall clock, forward or back; the monotonic time does not notice.
  void step_wall(std::int64_t by_ms) noexcept {
    wall_offset_ms_.fetch_add(by_ms, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> now_{1'000'000'000};
  std::atomic<std::int64_t> wall_offset_ms_{1'704'067'200'000};
};

}  // namespace siltstone::support
