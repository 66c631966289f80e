// Adds up what is used and what is promised.
#include "db/admission.h"

namespace siltstone::db {

StallCause Admission::obstacle(const Waiter& write, const LogLoad& load) const noexcept {
  if (large_) return StallCause::large_write;
  const std::size_t bytes = load.bytes + bytes_;
  if (write.is_large) {
    return bytes == 0 && !load.is_busy ? StallCause::none : StallCause::large_write;
  }
  if (load.is_behind) return StallCause::sync_interval;
  if (load.is_moving) return StallCause::log_buffer;
  const std::uint64_t operations = load.operations + operations_;
  // A batch of more operations than the bound goes alone.
  const bool fits = write.bytes <= max_bytes_ - bytes &&
                    (operations == 0 || (operations < max_operations_ &&
                                         write.operations <= max_operations_ - operations));
  return fits ? StallCause::none : StallCause::log_buffer;
}

void Admission::reserve(const Waiter& write) noexcept {
  if (write.is_large) {
    large_ = true;
    return;
  }
  bytes_ += write.bytes;
  operations_ += write.operations;
}

StallCause Admission::try_admit(const Waiter& write, const LogLoad& load) noexcept {
  StallCause cause = obstacle(write, load);
  if (cause == StallCause::none && !waiting_.empty()) {
    cause = waiting_.first()->is_large ? StallCause::large_write : StallCause::log_buffer;
  }
  if (cause == StallCause::none) reserve(write);
  return cause;
}

void Admission::grant(const LogLoad& load, WaiterList& admitted) noexcept {
  while (!waiting_.empty() && obstacle(*waiting_.first(), load) == StallCause::none) {
    Waiter* const write = waiting_.pop();
    reserve(*write);
    admitted.push(*write);
  }
}

void Admission::settle(const Waiter& write) noexcept {
  if (write.is_large) return end_large();
  bytes_ -= write.bytes;
  operations_ -= write.operations;
}

}  // namespace siltstone::db
