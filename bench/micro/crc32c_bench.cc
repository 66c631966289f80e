// CRC32C: bytes per second of every path this processor can take, on buffers in the cache.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/crc32c_paths.h"
#include "base/random.h"

using namespace siltstone;

static void extend(benchmark::State& state, base::crc::Extend path) {
  base::Random random(1);
  std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)));
  for (auto& byte : bytes) byte = static_cast<std::byte>(random.next());
  std::uint32_t crc = 0;
  for (auto _ : state) {
    crc = path(crc, bytes.data(), bytes.size());
    benchmark::DoNotOptimize(crc);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

int main(int argc, char** argv) {
  for (const auto& path : base::crc::all_paths()) {
    if (!path.usable()) continue;
    benchmark::RegisterBenchmark((std::string("crc32c/") + path.name).c_str(), extend, path.extend)
        ->Arg(64)
        ->Arg(512)
        ->Arg(4096)
        ->Arg(65536);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
