// Counts, in each child, the forks that led to it. Without memory for the handler the count stands
// still, and a child's use of its parent's handles goes unnoticed.
#include "base/fork.h"

#include <pthread.h>

#include <atomic>

namespace siltstone::base {
namespace {

constinit std::atomic<std::uint64_t> generation{0};

}  // namespace

std::uint64_t fork_generation() noexcept {
  [[maybe_unused]] static const int registered =
      pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  return generation.load(std::memory_order_relaxed);
}

}  // namespace siltstone::base
