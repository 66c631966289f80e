// The hash of keys: nanoseconds by length, each call depending on the last one.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/hash.h"

using namespace siltstone;

static void hash_key(benchmark::State& state) {
  const std::vector<std::byte> key(static_cast<std::size_t>(state.range(0)), std::byte{'k'});
  std::uint64_t hash = 1;
  for (auto _ : state) {
    hash = base::hash64(key, hash);
    benchmark::DoNotOptimize(hash);
  }
}
BENCHMARK(hash_key)->Arg(8)->Arg(20)->Arg(64)->Arg(200)->Arg(1000);

BENCHMARK_MAIN();
