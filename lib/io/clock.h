// The seam for time. Timers and intervals use the monotonic clock; only expiry uses the wall clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace siltstone::io {

using Duration = std::chrono::nanoseconds;

/// A point on the monotonic clock of one Clock; its zero means nothing.
struct MonotonicTimeline {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
};
using Time = std::chrono::time_point<MonotonicTimeline, Duration>;

/// A deadline that never passes.
inline constexpr Time kNever = Time::max();

/// Thread-safe.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual Time now() const noexcept = 0;
  /// Milliseconds since the Unix epoch. May jump in either direction.
  [[nodiscard]] virtual std::int64_t wall_ms() const noexcept = 0;
};

/// The kernel's clocks. Lives for ever.
[[nodiscard]] Clock& system_clock() noexcept;

}  // namespace siltstone::io
