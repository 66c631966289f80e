// Workers whose steps run when the simulation says so. Without a scheduler they run on the test's
// own thread: when it pumps, and when it waits for something that a worker may bring. Under a
// scheduler each worker is a thread of the schedule while the run lasts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/executor.h"
#include "support/rng.h"
#include "support/sim_clock.h"
#include "support/sim_scheduler.h"
#include "support/sim_trace.h"

namespace siltstone::support {

/// Not for threads that are not simulated. Clock and trace outlive it, and it its workers.
class SimExecutor final : public io::Executor {
 public:
  SimExecutor(std::uint64_t seed, SimClock& clock, SimTrace& trace);
  ~SimExecutor() override;

  [[nodiscard]] Result<std::unique_ptr<io::Worker>> start(std::string_view name, int nice,
                                                          io::Task& task) override;
  /// The n-th start from now (0: the next) fails with this errno, as without memory or processes.
  void refuse_start(std::uint64_t n, int error) noexcept;
  [[nodiscard]] std::size_t workers() const noexcept { return workers_.size(); }

  // Without a scheduler.

  /// Runs one step of a worker that wants one, chosen by the seed. False when none does.
  bool pump();
  /// Runs up to this many steps; stops when no worker wants one. How many were run.
  std::uint64_t pump(std::uint64_t steps);
  /// Runs steps, with time jumping from one to the next, until this time.
  void pump_until(io::Time time);
  /// When the next step is wanted; Time::min() for now, kNever when nobody wants one.
  [[nodiscard]] io::Time next_step() const noexcept;

  /// Makes every worker a thread of this scheduler, which is about to run.
  void join(SimScheduler& scheduler);

 private:
  class SimWorker;

  void run_step(SimWorker& worker);
  void attach(SimScheduler& scheduler, SimWorker& worker);
  void loop(SimScheduler& scheduler, SimWorker& worker);

  SimClock& clock_;
  SimTrace& trace_;
  Rng rng_;
  std::vector<SimWorker*> workers_;
  std::uint64_t starts_ = 0;
  std::uint64_t refused_start_ = UINT64_MAX;
  int refusal_ = 0;
};

}  // namespace siltstone::support
