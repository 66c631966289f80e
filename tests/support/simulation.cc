// The world, assembled.
#include "support/simulation.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <vector>

namespace siltstone::support {

void SimEntropy::fill(std::span<std::byte> out) noexcept {
  const Quiet quiet;
  for (std::byte& byte : out) byte = static_cast<std::byte>(rng_.next() >> 56);
}

Simulation::Simulation(std::uint64_t seed, SimStorageOptions storage,
                       std::optional<SimSchedulerOptions> scheduler)
    : seed_(seed),
      failed_before_(failed_checks()),
      scheduler_options_(scheduler ? *scheduler : SimSchedulerOptions::from_seed(seed)),
      rng_(Rng(seed).fork(0x7e57)),
      entropy_(seed),
      storage_(seed, storage, &clock_, &trace_),
      executor_(seed, clock_, trace_),
      parker_(clock_, executor_) {}

Simulation::~Simulation() {
  if (failed_checks() == failed_before_ && std::uncaught_exceptions() == 0) return;
  fmt::print(stderr, "the last events of seed {}:\n{}repro: {}\n", seed_, trace_.to_string(60),
             repro(seed_));
}

void Simulation::spawn(std::string name, std::function<void()> body) {
  if (scheduler_ == nullptr) {
    scheduler_ = std::make_unique<SimScheduler>(Rng::mix(seed_ + runs_++), scheduler_options_,
                                                clock_, trace_);
  }
  scheduler_->spawn(std::move(name), [this, body = std::move(body)] {
    INFO("repro: ", repro(seed_));
    body();
  });
}

SimScheduler::Outcome Simulation::try_run() {
  if (scheduler_ == nullptr) return {};
  executor_.join(*scheduler_);
  SimScheduler::Outcome outcome = scheduler_->run();
  // Threads that sleep for ever may still refer to it.
  if (outcome.failure.empty()) {
    scheduler_.reset();
  } else {
    static auto& lost = *new std::vector<std::unique_ptr<SimScheduler>>;
    lost.push_back(std::move(scheduler_));
  }
  return outcome;
}

void Simulation::run() {
  const SimScheduler::Outcome outcome = try_run();
  if (outcome.exception != nullptr) std::rethrow_exception(outcome.exception);
  if (!outcome.failure.empty()) FAIL(outcome.failure);
}

}  // namespace siltstone::support
