// The cost of a reading is the smallest of several averages, so that a preemption does not count.
#include "stopwatch.h"

#include <algorithm>

namespace siltstone::kvbench {

std::uint64_t timing_cost_ns() noexcept {
  static const std::uint64_t cost = [] {
    constexpr std::uint64_t kReadings = 1000;
    std::uint64_t best = UINT64_MAX;
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t begin = now_ns();
      for (std::uint64_t i = 0; i < kReadings; ++i) static_cast<void>(now_ns());
      best = std::min(best, (now_ns() - begin) / kReadings);
    }
    return std::max<std::uint64_t>(2 * best, 1);
  }();
  return cost;
}

}  // namespace siltstone::kvbench
