// The whole simulated world in one hand, drawn from one seed.
//
//   for_each_seed(1000, [](std::uint64_t seed) {
//     Simulation sim(seed);
//     auto store = open_store(sim.environment());
//     sim.spawn("writer", [&] { ... });            // callers, interleaved by the seed
//     sim.spawn("reader", [&] { ... });
//     sim.run();                                   // fails the test on a deadlock
//     store.reset();
//     sim.storage().crash(Crash::from_seed(seed));
//     ...
//   });
//
// Without spawn() everything runs on the test's own thread: calls just work, and workers do their
// steps when the caller waits, or when the test calls sim.executor().pump(). That is the fast way,
// for what needs no interleaving of callers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "io/environment.h"
#include "support/property.h"
#include "support/rng.h"
#include "support/sim_clock.h"
#include "support/sim_executor.h"
#include "support/sim_parker.h"
#include "support/sim_scheduler.h"
#include "support/sim_storage.h"
#include "support/sim_trace.h"

namespace siltstone::support {

/// Identities and seeds of the code under test. Not thread-safe beyond the simulation.
class SimEntropy final : public io::Entropy {
 public:
  explicit SimEntropy(std::uint64_t seed) noexcept : rng_(Rng(seed).fork(0xe47)) {}
  void fill(std::span<std::byte> out) noexcept override;

 private:
  Rng rng_;
};

/// What survives of it outlives nothing: it goes after everything that uses its environment. When
/// checks failed during its life it prints the last events and how to run the seed again.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed, SimStorageOptions storage = {},
                      std::optional<SimSchedulerOptions> scheduler = std::nullopt);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;
  ~Simulation();

  [[nodiscard]] io::Environment environment() noexcept {
    return {&storage_, &clock_, &executor_, &parker_, &entropy_};
  }
  [[nodiscard]] SimStorage& storage() noexcept { return storage_; }
  [[nodiscard]] SimClock& clock() noexcept { return clock_; }
  [[nodiscard]] SimExecutor& executor() noexcept { return executor_; }
  [[nodiscard]] SimParker& parker() noexcept { return parker_; }
  [[nodiscard]] SimTrace& trace() noexcept { return trace_; }
  /// For the test's own choices: keys, operations, when to crash.
  [[nodiscard]] Rng& rng() noexcept { return rng_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

  /// A caller for the next run().
  void spawn(std::string name, std::function<void()> body);
  /// Runs the callers to their end, and the workers beside them. A deadlock, or an exception in a
  /// caller, fails the test case and ends it.
  void run();
  /// The same for tests of failing: says what happened.
  [[nodiscard]] SimScheduler::Outcome try_run();

 private:
  const std::uint64_t seed_;
  const std::uint64_t failed_before_;
  const SimSchedulerOptions scheduler_options_;
  std::uint64_t runs_ = 0;
  Rng rng_;
  SimTrace trace_;
  SimClock clock_;
  SimEntropy entropy_;
  SimStorage storage_;
  SimExecutor executor_;
  SimParker parker_;
  std::unique_ptr<SimScheduler> scheduler_;
};

}  // namespace siltstone::support
