// Encoding and decoding: nanoseconds for a varint of each length, and for an entry of a log record.
#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "base/coding.h"

using namespace siltstone;

static void varint_decode(benchmark::State& state) {
  std::array<std::byte, base::kMaxVarintBytes> buffer;
  base::Writer writer(buffer);
  writer.varint(std::uint64_t{1} << (7 * (state.range(0) - 1)));
  for (auto _ : state) {
    base::Reader reader(writer.written());
    benchmark::DoNotOptimize(reader.varint());
    benchmark::DoNotOptimize(reader.ok());
  }
}
BENCHMARK(varint_decode)->Arg(1)->Arg(2)->Arg(5)->Arg(10);

// A key of 16 bytes and a value of 100, their sizes unknown to the compiler.
static void encode_entry(base::Writer& writer, base::Bytes key, base::Bytes value) {
  writer.u8(1);
  writer.sized_bytes(key);
  writer.sized_bytes(value);
}

static void entry_encode(benchmark::State& state) {
  const std::vector<std::byte> key(static_cast<std::size_t>(state.range(0)));
  const std::vector<std::byte> value(static_cast<std::size_t>(state.range(1)));
  std::array<std::byte, 256> buffer;
  for (auto _ : state) {
    base::Writer writer(buffer);
    encode_entry(writer, key, value);
    benchmark::DoNotOptimize(writer.ok());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(entry_encode)->Args({16, 100});

static void entry_decode(benchmark::State& state) {
  const std::vector<std::byte> key(16);
  const std::vector<std::byte> value(100);
  std::array<std::byte, 256> buffer;
  base::Writer writer(buffer);
  encode_entry(writer, key, value);
  for (auto _ : state) {
    base::Reader reader(writer.written());
    benchmark::DoNotOptimize(reader.u8());
    benchmark::DoNotOptimize(reader.sized_bytes());
    benchmark::DoNotOptimize(reader.sized_bytes());
    benchmark::DoNotOptimize(reader.at_end());
  }
}
BENCHMARK(entry_decode);

BENCHMARK_MAIN();
