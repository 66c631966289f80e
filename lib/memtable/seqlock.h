// Optimistic reading of what one writer changes in place: a version that is odd while it changes.
// A reader notes the version, reads, and throws away what it read if the version is another by
// then. So whatever it reads meanwhile must be harmless: atomics, and offsets that were always
// valid.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/yield.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SILT_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define SILT_THREAD_SANITIZER
#endif

namespace siltstone::memtable {

// ThreadSanitizer does not know fences. Its loads and stores are calls, in the order of the
// program, and all that a seqlock guards are atomics or published with release besides.
inline void fence(std::memory_order order) noexcept {
#if defined(SILT_THREAD_SANITIZER)
  std::atomic_signal_fence(order);
#else
  std::atomic_thread_fence(order);
#endif
}

class Seqlock {
 public:
  Seqlock() = default;

  /// Waits out a change; for readers.
  [[nodiscard]] std::uint32_t begin() const noexcept {
    std::uint32_t version = version_.load(std::memory_order_acquire);
    while ((version & 1) != 0) {
      base::yield_point("memtable: reader waits");
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
      version = version_.load(std::memory_order_acquire);
    }
    return version;
  }
  /// Whether nothing changed since begin() gave `version`.
  [[nodiscard]] bool is_still(std::uint32_t version) const noexcept {
    fence(std::memory_order_acquire);
    return version_.load(std::memory_order_relaxed) == version;
  }

  // For the writer.
  [[nodiscard]] bool is_locked() const noexcept {
    return (version_.load(std::memory_order_relaxed) & 1) != 0;
  }
  void lock() noexcept {
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    fence(std::memory_order_release);
  }
  void unlock() noexcept {
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  std::atomic<std::uint32_t> version_{0};
};

}  // namespace siltstone::memtable
