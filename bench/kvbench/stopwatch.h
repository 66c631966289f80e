// The clock of the measurements.
#pragma once

#include <chrono>
#include <cstdint>

namespace siltstone::kvbench {

/// Nanoseconds on the monotonic clock.
[[nodiscard]] inline std::uint64_t now_ns() noexcept {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// What timing one operation (two readings) costs here, in nanoseconds; measured once.
[[nodiscard]] std::uint64_t timing_cost_ns() noexcept;

}  // namespace siltstone::kvbench
