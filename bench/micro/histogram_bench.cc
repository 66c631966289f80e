// Latency recording: nanoseconds for one value, and for merging a thread's recorder.
#include <benchmark/benchmark.h>

#include <array>

#include "base/histogram.h"
#include "base/random.h"

using namespace siltstone;

static void record(benchmark::State& state) {
  base::Random random(1);
  std::array<std::uint64_t, 256> latencies;
  for (auto& latency : latencies) latency = random.between(300, 3000);
  base::LatencyRecorder recorder;
  std::size_t i = 0;
  for (auto _ : state) recorder.record(latencies[i++ % latencies.size()]);
  benchmark::DoNotOptimize(recorder);
}
BENCHMARK(record);

static void merge(benchmark::State& state) {
  base::LatencyRecorder recorder;
  recorder.record(1000);
  base::Histogram histogram;
  for (auto _ : state) recorder.add_to(histogram);
  benchmark::DoNotOptimize(histogram);
}
BENCHMARK(merge);

BENCHMARK_MAIN();
