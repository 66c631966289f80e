// The kernel's futex, private to the process. Deadlines are absolute on the monotonic clock, so a
// wait that is started again does not grow.
#include "io/parker.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

#include "io/immortal.h"

namespace siltstone::io {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

class SystemParker final : public Parker {
 public:
  // Every way of returning (woken, changed, timed out, interrupted) means the same: look again.
  void wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
            Time deadline) noexcept override {
    // The smallest of all times cannot be rounded down to seconds.
    const Duration at = std::max(deadline.time_since_epoch(), Duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    const timespec until{static_cast<time_t>(seconds.count()),
                         static_cast<long>((at - seconds).count())};
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, &until, nullptr,
            FUTEX_BITSET_MATCH_ANY);
  }

  void wake(const std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept override {
    const int most = count > INT_MAX ? INT_MAX : static_cast<int>(count);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, most, nullptr, nullptr, 0);
  }
};

}  // namespace

Parker& system_parker() noexcept {
  static Immortal<SystemParker> parker;
  return parker.value;
}

}  // namespace siltstone::io
