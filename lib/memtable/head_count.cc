// The portable loop, and the choice.
#include "memtable/head_count.h"

namespace siltstone::memtable {
namespace {

constexpr CountPath kPaths[] = {
    {"scalar", [] noexcept { return true; }, count_below_scalar},
#if defined(__x86_64__)
    {"avx2", has_avx2, count_below_avx2},
#endif
};

unsigned choose_and_count(const Heads& heads, std::int64_t head) noexcept {
  CountBelow best = count_below_scalar;
  for (const CountPath& path : kPaths) {
    if (path.usable()) best = path.count;
  }
  chosen_count_below.store(best, std::memory_order_relaxed);
  return best(heads, head);
}

}  // namespace

// Constant-initialized, so that it works before any constructor ran. Threads that choose at the
// same time choose the same.
constinit std::atomic<CountBelow> chosen_count_below = choose_and_count;

unsigned count_below_scalar(const Heads& heads, std::int64_t head) noexcept {
  unsigned count = 0;
  for (const auto& slot : heads) count += slot.load(std::memory_order_relaxed) < head ? 1U : 0U;
  return count;
}

std::span<const CountPath> all_count_paths() noexcept { return kPaths; }

}  // namespace siltstone::memtable
