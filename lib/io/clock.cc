// The kernel's clocks.
#include "io/clock.h"

#include <ctime>

#include "io/immortal.h"

namespace siltstone::io {
namespace {

class SystemClock final : public Clock {
 public:
  Time now() const noexcept override { return Time(read(CLOCK_MONOTONIC)); }
  std::int64_t wall_ms() const noexcept override {
    return std::chrono::floor<std::chrono::milliseconds>(read(CLOCK_REALTIME)).count();
  }

 private:
  // Cannot fail: both clocks exist on every Linux.
  static Duration read(clockid_t which) noexcept {
    timespec at{};
    static_cast<void>(clock_gettime(which, &at));
    return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
  }
};

}  // namespace

Clock& system_clock() noexcept {
  static Immortal<SystemClock> clock;
  return clock.value;
}

}  // namespace siltstone::io
