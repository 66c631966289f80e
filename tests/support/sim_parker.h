// Waiting and waking in simulated time. Without a scheduler, whoever waits runs the workers' steps
// until what it waits for has come, and stops the program when nobody could bring it.
#pragma once

#include <atomic>
#include <cstdint>

#include "io/parker.h"
#include "support/sim_clock.h"
#include "support/sim_executor.h"

namespace siltstone::support {

/// Clock and executor outlive it.
class SimParker final : public io::Parker {
 public:
  SimParker(SimClock& clock, SimExecutor& executor) noexcept : clock_(clock), executor_(executor) {}

  void wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
            io::Time deadline) noexcept override;
  void wake(const std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept override;

 private:
  SimClock& clock_;
  SimExecutor& executor_;
};

}  // namespace siltstone::support
