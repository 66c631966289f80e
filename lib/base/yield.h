// Where a simulated schedule may switch threads. In production nobody installs a scheduler and the
// hooks cost one predicted branch on a slow path; named points in lock-free code are compiled only
// into builds with assertions.
//
// A simulated schedule runs callers as threads of which exactly one is runnable at a time. A thread
// that blocked in the kernel while it is the runnable one would stop the world, so everything that
// blocks asks here first: base::Mutex when it is contended, and the simulated Parker and Queue.
#pragma once

namespace siltstone::base {

/// Decides which simulated thread runs next.
class Scheduler {
 public:
  /// Lets other threads of the simulation run; returns when this one is chosen again. `where` names
  /// the point, for traces.
  virtual void yield(const char* where) noexcept = 0;

 protected:
  ~Scheduler() = default;
};

/// The scheduler of the calling thread; null outside a simulation.
inline constinit thread_local Scheduler* current_scheduler = nullptr;

inline void yield_point([[maybe_unused]] const char* where) noexcept {
#ifndef NDEBUG
  if (current_scheduler != nullptr) [[unlikely]] {
    current_scheduler->yield(where);
  }
#endif
}

}  // namespace siltstone::base
