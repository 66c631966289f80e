// How long a call may wait. The clock is first read when it does.
#pragma once

#include <algorithm>
#include <optional>

#include "io/clock.h"

namespace siltstone::db {

class Deadline {
 public:
  Deadline(io::Clock& clock, std::optional<io::Duration> within) noexcept
      : clock_(clock), within_(within) {}

  [[nodiscard]] bool exists() const noexcept { return within_.has_value(); }
  /// io::kNever when there is none.
  [[nodiscard]] io::Time until() noexcept {
    if (!within_) return io::kNever;
    if (time_ == io::kNever) {
      const io::Time now = clock_.now();
      time_ = now + std::clamp(*within_, io::Duration::zero(), io::kNever - now - io::Duration(1));
    }
    return time_;
  }
  [[nodiscard]] bool passed() noexcept { return within_ && clock_.now() >= until(); }

 private:
  io::Clock& clock_;
  const std::optional<io::Duration> within_;
  io::Time time_ = io::kNever;
};

}  // namespace siltstone::db
