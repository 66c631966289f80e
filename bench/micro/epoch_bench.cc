// Epochs: what a guard costs alone and around loads that miss the cache, against mfence instead of
// the locked exchange; and what retiring and collecting one object costs.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/epoch.h"
#include "base/random.h"

using namespace siltstone;

namespace {

class Object final : public base::Retired {};

// 64 MiB of places to go on to, visited at random.
constexpr std::size_t kWords = std::size_t{1} << 23;

const std::vector<std::uint64_t>& memory() {
  static const std::vector<std::uint64_t> words = [] {
    base::Random random(1);
    std::vector<std::uint64_t> result(kWords);
    for (auto& word : result) word = random.next() % kWords;
    return result;
  }();
  return words;
}

struct NoGuard {
  NoGuard() {}
};

#if defined(__x86_64__)
struct Fence {
  Fence() { __builtin_ia32_mfence(); }
};
#endif

void guard_alone(benchmark::State& state) {
  for (auto _ : state) base::EpochGuard guard;
}
BENCHMARK(guard_alone);

// Two dependent loads in each guard, as of a get; the processor may overlap successive gets.
template <typename Guard>
void guarded_loads(benchmark::State& state) {
  const auto& words = memory();
  base::Random random(2);
  for (auto _ : state) {
    Guard guard;
    const std::uint64_t first = words[random.next() % kWords];
    benchmark::DoNotOptimize(words[first]);
    benchmark::DoNotOptimize(guard);
  }
}
BENCHMARK(guarded_loads<NoGuard>);
BENCHMARK(guarded_loads<base::EpochGuard>);
#if defined(__x86_64__)
BENCHMARK(guarded_loads<Fence>);
#endif

void retire_and_collect(benchmark::State& state) {
  base::Reclaimer reclaimer;
  for (auto _ : state) {
    reclaimer.retire(new Object);
    reclaimer.collect();
  }
}
BENCHMARK(retire_and_collect);

}  // namespace

BENCHMARK_MAIN();
