// A futex of simulated threads.
#include "support/sim_parker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "support/sim_scheduler.h"

namespace siltstone::support {

void SimParker::wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                     io::Time deadline) noexcept {
  if (SimScheduler* scheduler = SimScheduler::current()) {
    scheduler->yield("wait");
    // As the kernel does it: no switch between the look at the word and falling asleep.
    if (word.load(std::memory_order_relaxed) != expected) return;
    return scheduler->block("wait", &word, deadline);
  }
  while (word.load(std::memory_order_relaxed) == expected && clock_.now() < deadline) {
    if (executor_.pump()) continue;
    const io::Time next = std::min(deadline, executor_.next_step());
    if (next == io::kNever) {
      fmt::print(stderr, "deadlock: the only thread waits, and no worker has anything to do\n");
      std::abort();
    }
    clock_.advance_to(next);
  }
}

void SimParker::wake(const std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept {
  SimScheduler* scheduler = SimScheduler::current();
  if (scheduler == nullptr) return;
  scheduler->yield("wake");
  scheduler->wake(&word, count);
}

}  // namespace siltstone::support
