// The simulated machine of a run: its parts share one clock and one trace.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "io/environment.h"
#include "model/plants.h"
#include "support/rng.h"
#include "support/sim_clock.h"
#include "support/sim_executor.h"
#include "support/sim_parker.h"
#include "support/sim_storage.h"
#include "support/sim_trace.h"

namespace siltstone::model {

class Entropy final : public io::Entropy {
 public:
  explicit Entropy(std::uint64_t seed) noexcept : rng_(seed) {}
  void fill(std::span<std::byte> out) noexcept override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(rng_.below(256));
  }

 private:
  support::Rng rng_;
};

struct World {
  World(std::uint64_t seed, Plant plant)
      : storage(seed, support::SimStorageOptions::nasty(seed), &clock, &trace),
        lying(make_lying_storage(storage, plant, exposure)),
        executor(seed, clock, trace),
        parker(clock, executor),
        entropy(seed),
        lying_executor(make_lying_executor(executor, plant)),
        lying_parker(make_lying_parker(parker, plant)),
        lying_entropy(make_lying_entropy(entropy, plant)) {}

  /// What the store sees; with a planted bug, seams that lie.
  [[nodiscard]] io::Environment environment() noexcept {
    return {lying.get(), &clock, lying_executor.get(), lying_parker.get(), lying_entropy.get()};
  }

  support::SimTrace trace;
  support::SimClock clock;
  support::SimStorage storage;
  Exposure exposure;
  std::unique_ptr<io::Storage> lying;
  support::SimExecutor executor;
  support::SimParker parker;
  Entropy entropy;
  std::unique_ptr<io::Executor> lying_executor;
  std::unique_ptr<io::Parker> lying_parker;
  std::unique_ptr<io::Entropy> lying_entropy;
};

}  // namespace siltstone::model
