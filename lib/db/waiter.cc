// Singly linked: only waiters with deadlines are ever searched for.
#include "db/waiter.h"

#include <utility>

#include "base/assert.h"

namespace siltstone::db {

void WaiterList::push(Waiter& waiter) noexcept {
  waiter.next = nullptr;
  waiter.list = self();
  with_deadline_ += waiter.has_deadline ? 1 : 0;
  (first_ == nullptr ? first_ : last_->next) = &waiter;
  last_ = &waiter;
}

void WaiterList::take_from(WaiterList& other) noexcept {
  if (other.empty()) return;
  if (other.with_deadline_ != 0) {
    for (Waiter* waiter = other.first_; waiter != nullptr; waiter = waiter->next) {
      waiter->list = self();
    }
  }
  (first_ == nullptr ? first_ : last_->next) = other.first_;
  last_ = other.last_;
  with_deadline_ += std::exchange(other.with_deadline_, 0);
  other.first_ = other.last_ = nullptr;
}

Waiter* WaiterList::pop() noexcept {
  Waiter* const waiter = first_;
  if (waiter != nullptr) unlink(*waiter, nullptr);
  return waiter;
}

Waiter* WaiterList::pop_patient() noexcept {
  Waiter* before = nullptr;
  for (Waiter* waiter = first_; waiter != nullptr; before = waiter, waiter = waiter->next) {
    if (waiter->has_deadline) continue;
    unlink(*waiter, before);
    return waiter;
  }
  return nullptr;
}

void WaiterList::remove(Waiter& waiter) noexcept {
  SILT_ASSERT(waiter.list == this);
  Waiter* before = nullptr;
  for (Waiter* at = first_; at != &waiter; at = at->next) before = at;
  unlink(waiter, before);
}

void WaiterList::unlink(Waiter& waiter, Waiter* before) noexcept {
  (before == nullptr ? first_ : before->next) = waiter.next;
  if (last_ == &waiter) last_ = before;
  with_deadline_ -= waiter.has_deadline ? 1 : 0;
  waiter.next = nullptr;
  // One that is settled has been told so, under the lock; its thread may be looking at that now.
  if (kind_ == Kind::open) waiter.list = nullptr;
}

}  // namespace siltstone::db
