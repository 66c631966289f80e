// How often something can be done in a second.
#pragma once

#include <cstdint>

#include <siltstone/error.h>

#include "base/error.h"
#include "base/try.h"
#include "common/interrupt.h"
#include "stopwatch.h"

namespace siltstone::kvbench {

[[nodiscard]] inline double seconds_since(std::uint64_t begin_ns) noexcept {
  return static_cast<double>(now_ns() - begin_ns) * 1e-9;
}

/// An error after an interrupt: what was cut short is not a result.
[[nodiscard]] inline Result<void> check_interrupt() {
  if (tools::interrupted()) return base::fail(ErrorCode::io, "interrupted");
  return {};
}

/// Calls per second of `once`, which returns Result<void>, called for so long.
template <typename Once>
[[nodiscard]] Result<double> rate_for(double seconds, Once once) {
  const std::uint64_t begin = now_ns();
  std::uint64_t count = 0;
  do {
    SILT_TRY(check_interrupt());
    SILT_TRY(once());
    ++count;
  } while (seconds_since(begin) < seconds);
  return static_cast<double>(count) / seconds_since(begin);
}

/// The same, called so often.
template <typename Once>
[[nodiscard]] Result<double> rate_of(std::uint64_t rounds, Once once) {
  const std::uint64_t begin = now_ns();
  for (std::uint64_t i = 0; i < rounds; ++i) {
    SILT_TRY(check_interrupt());
    SILT_TRY(once());
  }
  return static_cast<double>(rounds) / seconds_since(begin);
}

}  // namespace siltstone::kvbench
