// Snappy on half-compressible bytes: raw bytes per second in and out, by block size.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/compression.h"
#include "base/random.h"

using namespace siltstone;
using base::Codec;

namespace {

struct Block {
  explicit Block(std::size_t size) : raw(size) {
    base::Random random(1);
    for (std::size_t i = 0; i < size; ++i) {
      raw[i] = static_cast<std::byte>(i % 100 < 50 ? random.next() : 'x');
    }
    stored.resize(base::max_compressed_size(Codec::snappy, size));
    const auto used = base::compress(Codec::snappy, raw, stored);
    if (used && *used) stored.resize(**used);
  }

  std::vector<std::byte> raw;
  std::vector<std::byte> stored;
};

void compress(benchmark::State& state) {
  if (!base::codec_available(Codec::snappy)) return state.SkipWithError("built without Snappy");
  const Block block(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> out(base::max_compressed_size(Codec::snappy, block.raw.size()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(base::compress(Codec::snappy, block.raw, out));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(compress)->Arg(4096)->Arg(65536);

void decompress(benchmark::State& state) {
  if (!base::codec_available(Codec::snappy)) return state.SkipWithError("built without Snappy");
  const Block block(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> out(block.raw.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(base::decompress(Codec::snappy, block.stored, out));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(decompress)->Arg(4096)->Arg(65536);

}  // namespace

BENCHMARK_MAIN();
