// The rate at which background writing may go on: a bucket of bytes that fills with time.
#pragma once

#include <cstdint>

#include "base/mutex.h"
#include "io/clock.h"

namespace siltstone::page {

/// Shared by the writers of all jobs. Thread-safe.
class Pacer {
 public:
  /// Bytes that may go out at once after a pause.
  static constexpr std::int64_t kBurstBytes = std::int64_t{1} << 20;

  /// Bytes per second; 0 for no limit.
  void set_rate(std::uint64_t bytes_per_second);

  /// Takes these bytes out of the bucket if it is not empty. May overdraw it, so that a piece
  /// larger than the bucket goes out too; what follows waits the longer.
  [[nodiscard]] bool spend(std::uint64_t bytes, io::Time now);
  /// When spend() will say yes again; `now` or earlier if it would now.
  [[nodiscard]] io::Time ready(io::Time now);

 private:
  void fill(io::Time now) SILT_REQUIRES(mutex_);

  base::Mutex mutex_;
  std::uint64_t rate_ SILT_GUARDED_BY(mutex_) = 0;
  std::int64_t bytes_ SILT_GUARDED_BY(mutex_) = kBurstBytes;
  io::Time filled_ SILT_GUARDED_BY(mutex_){};
};

}  // namespace siltstone::page
