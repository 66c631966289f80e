// The rare part of a scan: an entry is timed from the moment the one before it had been taken.
#include "scan_sink.h"

#include <fmt/format.h>

#include "common/interrupt.h"
#include "keys.h"
#include "progress.h"
#include "values.h"

namespace siltstone::kvbench {

ScanSink::ScanSink(std::uint64_t limit, const Values* expected, Sampler& sampler,
                   Progress& progress)
    : begin_ns_(now_ns()),
      limit_(limit),
      expected_(expected),
      sampler_(sampler),
      progress_(progress) {}

bool ScanSink::handle_event(std::string_view key, std::string_view value) noexcept {
  if (count_ == next_timing_) time_entry();
  if (expected_ != nullptr && !as_expected(key, value)) {
    wrong_at_ = count_ - 1;
    return false;
  }
  next_event_ = expected_ != nullptr ? count_ + 1 : std::min(next_timing_, limit_);
  if (timing_) begin_ns_ = now_ns();
  return count_ < limit_ && !tools::interrupted();
}

void ScanSink::time_entry() noexcept {
  if (timing_) {
    sampler_.record(now_ns() - begin_ns_);
    progress_.add(count_ - reported_);
    reported_ = count_;
  }
  // With a period of 1 every entry ends one interval and begins the next. Otherwise an interval
  // begins at the entry before the one that is timed.
  const std::uint64_t period = sampler_.period();
  if (period > 1) timing_ = !timing_;
  next_timing_ = count_ + (timing_ ? 1 : period - 1);
}

bool ScanSink::as_expected(std::string_view key, std::string_view value) noexcept {
  const auto number = parse_key(key);
  return number && *number == count_ - 1 && value == expected_->of(*number);
}

Result<void> ScanSink::status() const {
  if (!wrong_at_) return {};
  return std::unexpected(
      Error(ErrorCode::corruption,
            fmt::format("the scan's entry {} is not the one that was written there", *wrong_at_)));
}

}  // namespace siltstone::kvbench
