// The world as the kernel gives it.
#include "io/environment.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "io/immortal.h"
#include "io/posix_storage.h"

namespace siltstone::io {
namespace {

class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::byte> out) noexcept override {
    while (!out.empty()) {
      const ssize_t got = getrandom(out.data(), out.size(), 0);
      if (got > 0) {
        out = out.subspan(static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        return improvise(out);
      }
    }
  }

 private:
  // Where a sandbox forbids getrandom. The bytes serve as identities and seeds: they have to differ
  // from those of other processes and times, and need not be secret.
  static void improvise(std::span<std::byte> out) noexcept {
    static std::atomic<std::uint64_t> calls{0};
    std::uint64_t state =
        static_cast<std::uint64_t>(system_clock().now().time_since_epoch().count());
    state = mixed(state ^ static_cast<std::uint64_t>(system_clock().wall_ms()));
    state = mixed(state ^ static_cast<std::uint64_t>(getpid()));
    state = mixed(state ^ calls.fetch_add(1));
    while (!out.empty()) {
      state = mixed(state);
      const std::size_t length = std::min(out.size(), sizeof(state));
      std::memcpy(out.data(), &state, length);
      out = out.subspan(length);
    }
  }

  // One step of splitmix64.
  static std::uint64_t mixed(std::uint64_t x) noexcept {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
};

}  // namespace

Entropy& system_entropy() noexcept {
  static Immortal<SystemEntropy> entropy;
  return entropy.value;
}

Environment system_environment() noexcept {
  return {
      .storage = &posix_storage(),
      .clock = &system_clock(),
      .executor = &system_executor(),
      .parker = &system_parker(),
      .entropy = &system_entropy(),
  };
}

}  // namespace siltstone::io
