// What the queues of one ring storage share: how their rings are to be made, what turned out not to
// work, and the counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include <siltstone/error.h>

#include "base/error.h"
#include "base/mutex.h"
#include "io/uring_ring.h"

namespace siltstone::io {

/// Counted since the storage was opened.
struct UringStatistics {
  std::uint64_t rings = 0;        ///< Rings set up, the one that was the proof aside.
  std::uint64_t refused = 0;      ///< Queues that got no ring and use plain calls.
  std::uint64_t enters = 0;       ///< System calls that submitted or waited.
  std::uint64_t submissions = 0;  ///< Requests given to rings.
  std::uint64_t completions = 0;  ///< Requests that rings gave back.
  std::uint64_t plain = 0;        ///< Requests that went by plain calls.
};

/// Thread-safe.
class UringState {
 public:
  struct Counters {
    std::atomic<std::uint64_t> rings{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> enters{0};
    std::atomic<std::uint64_t> submissions{0};
    std::atomic<std::uint64_t> completions{0};
    std::atomic<std::uint64_t> plain{0};
  };

  explicit UringState(const RingSetup& setup) : setup_(setup), iopoll_(setup.iopoll) {}

  /// How the next ring is to be made.
  [[nodiscard]] RingSetup setup() const noexcept {
    RingSetup setup = setup_;
    setup.iopoll = iopoll_.load(std::memory_order_relaxed);
    return setup;
  }
  /// The device cannot be polled: later rings do without.
  void refuse_iopoll(int os_error) noexcept {
    base::MutexLock lock(mutex_);
    if (!iopoll_.exchange(false)) return;
    why_no_iopoll_ = base::fail_os(os_error, "poll the device for completions").build();
  }
  [[nodiscard]] std::optional<Error> why_no_iopoll() const noexcept {
    base::MutexLock lock(mutex_);
    return why_no_iopoll_;
  }

  [[nodiscard]] UringStatistics statistics() const noexcept {
    return {
        .rings = counters.rings,
        .refused = counters.refused,
        .enters = counters.enters,
        .submissions = counters.submissions,
        .completions = counters.completions,
        .plain = counters.plain,
    };
  }

  Counters counters;

 private:
  const RingSetup setup_;
  std::atomic<bool> iopoll_;
  mutable base::Mutex mutex_;
  std::optional<Error> why_no_iopoll_ SILT_GUARDED_BY(mutex_);
};

}  // namespace siltstone::io
