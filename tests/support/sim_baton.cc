// A futex, by hand: what the C++ library offers is instrumented.
#include "support/sim_baton.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace siltstone::support {

void Baton::pass() noexcept {
  __atomic_store_n(&passed_, 1, __ATOMIC_RELEASE);
  syscall(SYS_futex, &passed_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void Baton::take() noexcept {
  while (__atomic_exchange_n(&passed_, 0, __ATOMIC_ACQUIRE) == 0) {
    syscall(SYS_futex, &passed_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  }
}

}  // namespace siltstone::support
