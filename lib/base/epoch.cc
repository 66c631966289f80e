// Slots live in blocks that are linked and never freed: a scan may be looking at them. A thread
// takes one at its first guard and gives it back when it ends.
#include "base/epoch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"

namespace siltstone::base {

namespace epoch {

constinit thread_local ThreadState thread_state;
constinit std::atomic<std::uint64_t> clock{1};  // 0 in a slot says that there is no guard

namespace {

struct Block {
  std::array<Slot, 32> slots;
  std::atomic<Block*> next{nullptr};
};

constinit Block first_block;

Slot* try_claim(Block& block) noexcept {
  for (Slot& slot : block.slots) {
    if (!slot.taken.load(std::memory_order_relaxed) &&
        !slot.taken.exchange(true, std::memory_order_acquire)) {
      return &slot;
    }
  }
  return nullptr;
}

// The block after this one, made if there is none.
Block& following(Block& block) {
  Block* next = block.next.load(std::memory_order_acquire);
  if (next != nullptr) return *next;
  auto made = std::make_unique<Block>();
  if (block.next.compare_exchange_strong(next, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *next;  // another thread was faster
}

// Gives the slot back when the thread ends. Guards in destructors that run after this one borrow a
// slot for as long as they live.
struct ReleaseAtExit {
  ~ReleaseAtExit() {
    thread_state.exiting = true;
    if (thread_state.slot != nullptr && thread_state.depth == 0) release_slot();
  }
};

// The least clock that a guard may have seen: what is tagged below it is free to go.
std::uint64_t oldest_guard() noexcept {
  std::uint64_t oldest = clock.fetch_add(0, std::memory_order_seq_cst);
  full_barrier_after_exchange();
  for (const Block* block = &first_block; block != nullptr;
       block = block->next.load(std::memory_order_acquire)) {
    for (const Slot& slot : block->slots) {
      const std::uint64_t entered = slot.entered.load(std::memory_order_acquire);
      if (entered != 0) oldest = std::min(oldest, entered);
    }
  }
  return oldest;
}

}  // namespace

void claim_slot() {
  if (!thread_state.exiting) {
    thread_local ReleaseAtExit release_at_exit;
    static_cast<void>(release_at_exit);
  }
  for (Block* block = &first_block;; block = &following(*block)) {
    if (Slot* slot = try_claim(*block)) {
      thread_state.slot = slot;
      return;
    }
  }
}

void release_slot() noexcept {
  Slot* slot = std::exchange(thread_state.slot, nullptr);
  slot->taken.store(false, std::memory_order_release);
}

}  // namespace epoch

Reclaimer::~Reclaimer() {
  MutexLock lock(mutex_);
  Retired* const list = first_;
  lock.unlock();
  reclaim_all(list);
}

void Reclaimer::retire(Retired* object) noexcept {
  SILT_ASSERT(object != nullptr);
  MutexLock lock(mutex_);
  object->next_ = nullptr;
  // Under the lock, so that the list is in the order of the tags.
  object->tag_ = epoch::clock.fetch_add(1, std::memory_order_seq_cst);
  (last_ != nullptr ? last_->next_ : first_) = object;
  last_ = object;
  ++waiting_;
}

std::size_t Reclaimer::collect() noexcept {
  const std::uint64_t oldest = epoch::oldest_guard();
  yield_point("epoch scanned");
  MutexLock lock(mutex_);
  Retired* const list = first_;
  Retired* end = nullptr;  // the last one to go
  while (first_ != nullptr && first_->tag_ < oldest) {
    end = first_;
    first_ = first_->next_;
    --waiting_;
  }
  if (first_ == nullptr) last_ = nullptr;
  const std::size_t waiting = waiting_;
  lock.unlock();
  if (end != nullptr) {
    end->next_ = nullptr;
    reclaim_all(list);
  }
  return waiting;
}

void Reclaimer::reclaim_all(Retired* list) noexcept {
  while (list != nullptr) {
    Retired* const next = list->next_;
    list->reclaim();
    list = next;
  }
}

std::size_t epoch_slot_count() noexcept {
  std::size_t count = 0;
  for (const epoch::Block* block = &epoch::first_block; block != nullptr;
       block = block->next.load(std::memory_order_acquire)) {
    count += block->slots.size();
  }
  return count;
}

}  // namespace siltstone::base
