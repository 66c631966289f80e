// Interleaves threads by seed. They are real threads, but exactly one may run, and it passes this
// right on only at switch points: storage calls, waiting and waking, contended mutexes, named yield
// points. So a schedule is a function of the seed, and a race that one schedule shows is shown
// again.
//
// Invariants:
// 1. Only the thread that has the baton touches the scheduler, the clock and the trace.
// 2. A thread gives the baton away only in yield() and block(), and when it ends.
// 3. When nobody can run, time jumps to the earliest deadline; without one it is a deadlock.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/yield.h"
#include "io/clock.h"
#include "support/rng.h"
#include "support/sim_baton.h"
#include "support/sim_clock.h"
#include "support/sim_trace.h"

namespace siltstone::support {

enum class Policy : std::uint8_t {
  uniform,  ///< Anyone who can run, at every switch point.
  /// Priorities, which `depth - 1` times in the run change: finds any bug of that depth with
  pct,
  ///< a known probability, however long the run.
  starve,  ///< As uniform, but `starved` runs only when nobody else can.
};

struct SimSchedulerOptions {
  Policy policy = Policy::uniform;
  std::uint32_t depth = 3;              ///< pct: how many threads must be overtaken for the bug.
  std::uint64_t expected_steps = 500;   ///< pct: the changes fall into that many switch points.
  std::string starved{};                ///< starve: threads whose names begin so.
  std::uint64_t max_steps = 2'000'000;  ///< Beyond, the run has failed: it makes no progress.
  io::Duration step_time{200};          ///< By which a switch point moves the clock.
  /// Of each wait, which then ends for no reason. Hides lost wake-ups: leave it 0 to look for
  /// those.
  double spurious_wake_probability = 0;

  /// Uniform, or pct of depth 1 to 4.
  [[nodiscard]] static SimSchedulerOptions from_seed(std::uint64_t seed);
};

class SimScheduler final : public base::Scheduler {
 public:
  /// Clock and trace outlive it.
  SimScheduler(std::uint64_t seed, SimSchedulerOptions options, SimClock& clock, SimTrace& trace);
  SimScheduler(const SimScheduler&) = delete;
  SimScheduler& operator=(const SimScheduler&) = delete;
  ~SimScheduler();

  /// That of the calling simulated thread; null elsewhere.
  [[nodiscard]] static SimScheduler* current() noexcept;

  /// Adds a thread, before run() or from a thread that runs in it. The run lasts until all are
  /// done, but background threads are asked to end (see winding_down()) when the others have.
  void spawn(std::string name, std::function<void()> body, bool background = false);

  /// How a run ended.
  struct Outcome {
    std::string failure;           ///< "" or: who waits where, in a deadlock or without progress.
    std::exception_ptr exception;  ///< The first that left a body.
    std::uint64_t steps = 0;
  };
  /// Runs all threads to their end. After a failure those that did not get there sleep for ever,
  /// and what they refer to must stay as it is.
  [[nodiscard]] Outcome run();
  /// True when background threads are to end.
  [[nodiscard]] bool winding_down() const noexcept { return winding_down_; }

  // For simulated threads.

  void yield(const char* where) noexcept override;
  /// Sleeps until wake(key), or until the deadline has passed; may come back for no reason.
  void block(const char* where, const void* key, io::Time deadline) noexcept;
  /// Wakes up to `count` threads that sleep on the key, chosen by the seed. No switch point.
  void wake(const void* key, std::uint32_t count) noexcept;
  void sleep_until(io::Time time) noexcept;

 private:
  struct Thread;

  void start(Thread& thread);
  void body_of(Thread& thread);
  void step(Thread& self, const char* where) noexcept;
  void hand_over(Thread& self) noexcept;
  [[nodiscard]] Thread* choose() noexcept;
  [[nodiscard]] Thread* pick(const std::vector<Thread*>& runnable) noexcept;
  void expire() noexcept;
  void wind_down() noexcept;
  void note(Thread& self, const char* where) noexcept;
  [[nodiscard]] io::Time earliest_deadline() const noexcept;
  [[nodiscard]] std::string report(std::string_view what) const;
  Outcome finish();

  SimSchedulerOptions options_;
  SimClock& clock_;
  SimTrace& trace_;
  Rng rng_;
  Baton driver_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<std::uint64_t> changes_;  // pct: steps at which the priority of who runs drops
  std::uint64_t lowest_priority_;
  std::uint64_t steps_ = 0;
  std::uint64_t unbroken_ = 0;  // steps in a row in which one thread ran while others could
  bool running_ = false;
  bool winding_down_ = false;
  std::string failure_;
  std::exception_ptr exception_;
};

}  // namespace siltstone::support
