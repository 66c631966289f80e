// The filter: building it, and looking at it for keys that are not there, by each way there is.
// Partitions of 36,000 keys, as many as a thousand blocks of 4 KiB hold, so that a filter fits the
// second-level cache; and filters as large together as they get when none is near.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/random.h"
#include "table/filter.h"

using namespace siltstone;
using table::Filter;

namespace {

constexpr std::size_t kHashes = std::size_t{1} << 16;

std::vector<std::uint64_t> some_hashes(std::uint64_t seed, std::size_t count) {
  base::Random random(seed);
  std::vector<std::uint64_t> hashes(count);
  for (auto& hash : hashes) hash = random.next();
  return hashes;
}

void build(benchmark::State& state) {
  const auto keys = static_cast<std::uint32_t>(state.range(0));
  const auto hashes = some_hashes(1, keys);
  const auto shape = table::filter_shape(keys, 10);
  const table::LineBuffer lines(shape.bytes());
  for (auto _ : state) table::fill_filter(hashes, shape, {lines.data(), lines.size()});
  state.SetItemsProcessed(state.iterations() * keys);
}
BENCHMARK(build)->ArgName("keys")->Arg(36'000)->Arg(4'000'000);

// Filters with 10 bits a key, of so many keys together.
class Partitions {
 public:
  explicit Partitions(std::size_t keys) : lines_(keys * 10 / 8) {
    const auto hashes = some_hashes(1, keys);
    const auto count = static_cast<std::uint32_t>(lines_.size() / table::kCacheLineBytes);
    table::fill_filter(hashes, {count, kProbes}, {lines_.data(), lines_.size()});
  }
  [[nodiscard]] Filter filter() const { return {{lines_.data(), lines_.size()}, kProbes}; }

 private:
  static constexpr std::uint8_t kProbes = 6;

  table::LineBuffer lines_;
};

const Partitions& partitions_of(std::size_t keys) {
  static std::size_t of = 0;
  static std::unique_ptr<Partitions> filled;
  if (of != keys) filled = std::make_unique<Partitions>(of = keys);
  return *filled;
}

// Many at a time, or each after the last one.
template <bool dependent>
void query(benchmark::State& state) {
  const Filter filter = partitions_of(static_cast<std::size_t>(state.range(0))).filter();
  const auto hashes = some_hashes(2, kHashes);
  std::size_t next = 0;
  std::uint64_t passed = 0;
  for (auto _ : state) {
    std::uint64_t hash = hashes[next];
    if constexpr (dependent) hash += (passed & 1) << 32;  // which line to look at
    passed += filter.may_contain(hash) ? 1 : 0;
    next = (next + 1) % kHashes;
  }
  benchmark::DoNotOptimize(passed);
  state.counters["passed"] = static_cast<double>(passed) / static_cast<double>(state.iterations());
}
void throughput(benchmark::State& state) { query<false>(state); }
void latency(benchmark::State& state) { query<true>(state); }
BENCHMARK(throughput)->ArgName("keys")->Arg(36'000)->Arg(4'000'000)->Arg(40'000'000);
BENCHMARK(latency)->ArgName("keys")->Arg(36'000)->Arg(4'000'000)->Arg(40'000'000);

void path(benchmark::State& state, const table::ProbePath& path) {
  alignas(64) std::array<std::byte, table::kCacheLineBytes> line;
  line.fill(std::byte{0x5a});
  const auto hashes = some_hashes(2, kHashes);
  std::size_t next = 0;
  std::uint64_t passed = 0;
  for (auto _ : state) {
    passed += path.probe(line.data(), static_cast<std::uint32_t>(hashes[next]), 6) ? 1 : 0;
    next = (next + 1) % kHashes;
  }
  benchmark::DoNotOptimize(passed);
}

}  // namespace

int main(int argc, char** argv) {
  for (const table::ProbePath& one : table::all_probe_paths()) {
    if (!one.usable()) continue;
    benchmark::RegisterBenchmark((std::string("one_line/") + one.name).c_str(), path, one);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
