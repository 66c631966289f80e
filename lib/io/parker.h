// The seam for waiting: a futex. Whoever waits re-checks its condition in a loop, since wait() may
// return for no reason.
#pragma once

#include <atomic>
#include <cstdint>

#include "io/clock.h"

namespace siltstone::io {

/// Thread-safe.
class Parker {
 public:
  Parker() = default;
  Parker(const Parker&) = delete;
  Parker& operator=(const Parker&) = delete;
  virtual ~Parker() = default;

  /// Sleeps while `word` is `expected`, until wake() or the deadline; may return early.
  virtual void wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                    Time deadline) noexcept = 0;
  /// Wakes at most `count` waiters of `word`. Change the word first.
  virtual void wake(const std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept = 0;
};

inline constexpr std::uint32_t kWakeAll = UINT32_MAX;

/// The kernel's futex. Lives for ever.
[[nodiscard]] Parker& system_parker() noexcept;

}  // namespace siltstone::io
