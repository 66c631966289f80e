// Freeing what lock-free readers may still look at. A reader holds an EpochGuard while it follows
// shared pointers; whoever unlinks something retires it to a Reclaimer, which frees it once no
// guard is left that was there before.
//
// How it is safe: one clock counts retirements. A guard writes the clock's value into its thread's
// slot, then a full barrier, then the reader loads pointers. Retiring tags the object, which is
// unlinked already, with the clock's value and advances it. Collecting reads the clock, then a full
// barrier, then all slots, and frees what is tagged below the least of them.
// 1. A reader that read the clock after the retirement sees the unlinking, and cannot hold it.
// 2. A reader that read it before holds a slot value at or below the tag: the object stays.
// 3. A reader whose slot was not yet written when it was looked at has its barrier after ours, so
//    its loads see the unlinking.
//
// The barrier in the guard is the one inside x86's locked exchange: 6 ns, and loads of the reader
// before it stay under way. A separate mfence would wait for them and doubles the time of a get.
// Clock and slots are the process's, so guards need no store; a Reclaimer belongs to one owner.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/mutex.h"
#include "base/yield.h"

namespace siltstone::base {

namespace epoch {

struct alignas(64) Slot {
  std::atomic<std::uint64_t> entered{0};  // the clock when the guard was taken; 0: no guard
  std::atomic<bool> taken{false};         // by a living thread
};

struct ThreadState {
  Slot* slot = nullptr;
  std::uint32_t depth = 0;
  bool exiting = false;  // its slot was given back at thread exit; a later guard borrows one
};

// In a shared library the general model would call a function for every access.
extern constinit thread_local ThreadState thread_state [[gnu::tls_model("initial-exec")]];
extern constinit std::atomic<std::uint64_t> clock;

void claim_slot();
void release_slot() noexcept;

inline void full_barrier_after_exchange() noexcept {
#if !defined(__x86_64__)
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace epoch

/// While one lives, nothing that its thread can reach is freed by a Reclaimer. Hold it briefly: all
/// freeing in the process waits for it. Thread-bound; may be nested, the outermost counts.
class [[nodiscard]] EpochGuard {
 public:
  /// Throws std::bad_alloc only, and only as the first of a thread when more threads live than ever
  /// before.
  EpochGuard() {
    epoch::ThreadState& state = epoch::thread_state;
    if (state.depth == 0) {
      if (state.slot == nullptr) [[unlikely]]
        epoch::claim_slot();
      const std::uint64_t now = epoch::clock.load(std::memory_order_acquire);
      yield_point("epoch enter");
      state.slot->entered.exchange(now, std::memory_order_seq_cst);
      epoch::full_barrier_after_exchange();
    }
    ++state.depth;
  }
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;
  ~EpochGuard() {
    epoch::ThreadState& state = epoch::thread_state;
    if (--state.depth != 0) return;
    state.slot->entered.store(0, std::memory_order_release);
    if (state.exiting) [[unlikely]]
      epoch::release_slot();
  }
};

/// What can be retired. It carries its own link, so that retiring takes no memory.
class Retired {
 public:
  Retired() = default;
  Retired(const Retired&) = delete;
  Retired& operator=(const Retired&) = delete;

 protected:
  virtual ~Retired() = default;
  /// Called once, without locks, when no reader can hold it any more. May recycle instead.
  virtual void reclaim() noexcept { delete this; }

 private:
  friend class Reclaimer;
  Retired* next_ = nullptr;
  std::uint64_t tag_ = 0;
};

/// The retired objects of one owner, in the order of retiring. Thread-safe, but for destruction.
class Reclaimer {
 public:
  Reclaimer() = default;
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;
  /// Reclaims all that is left. REQUIRES: no reader of the owner's structures is left.
  ~Reclaimer();

  /// Takes over an object that no new reader can find any more.
  void retire(Retired* object) noexcept SILT_EXCLUDES(mutex_);
  /// Reclaims what no reader can hold any more; returns how many are still waiting. Never waits.
  std::size_t collect() noexcept SILT_EXCLUDES(mutex_);

 private:
  static void reclaim_all(Retired* list) noexcept;

  Mutex mutex_;
  Retired* first_ SILT_GUARDED_BY(mutex_) = nullptr;
  Retired* last_ SILT_GUARDED_BY(mutex_) = nullptr;
  std::size_t waiting_ SILT_GUARDED_BY(mutex_) = 0;
};

/// Slots there are, taken or free: the most threads that ever had guards at a time, rounded up.
[[nodiscard]] std::size_t epoch_slot_count() noexcept;

}  // namespace siltstone::base
