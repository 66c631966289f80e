// The bucket: see pacer.h.
#include "page/pacer.h"

#include <algorithm>
#include <chrono>

namespace siltstone::page {

void Pacer::set_rate(std::uint64_t bytes_per_second) {
  const base::MutexLock lock(mutex_);
  rate_ = bytes_per_second;
}

bool Pacer::spend(std::uint64_t bytes, io::Time now) {
  const base::MutexLock lock(mutex_);
  if (rate_ == 0) return true;
  fill(now);
  if (bytes_ <= 0) return false;
  bytes_ -= static_cast<std::int64_t>(bytes);
  return true;
}

io::Time Pacer::ready(io::Time now) {
  const base::MutexLock lock(mutex_);
  if (rate_ == 0) return now;
  fill(now);
  if (bytes_ > 0) return now;
  const double seconds = static_cast<double>(1 - bytes_) / static_cast<double>(rate_);
  return now + std::chrono::ceil<io::Duration>(std::chrono::duration<double>(seconds));
}

void Pacer::fill(io::Time now) {
  if (now <= filled_) return;
  const std::chrono::duration<double> elapsed = now - filled_;
  const double gained = elapsed.count() * static_cast<double>(rate_);
  const auto room = static_cast<double>(kBurstBytes - bytes_);
  if (gained < 1) return;  // let the fraction grow
  bytes_ += static_cast<std::int64_t>(std::min(gained, room));
  filled_ = now;
}

}  // namespace siltstone::page
