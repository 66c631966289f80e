// A partition of 1,024 blocks of 34 keys: making its payload, loading it, and the way of a key that
// is there: filter, index, frame word. And of one that is not: the filter.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"
#include "table/partition.h"
#include "table/partition_builder.h"

using namespace siltstone;

namespace {

constexpr std::uint32_t kKeysPerBlock = 34;
constexpr std::uint64_t kSeed = 7;

std::uint64_t hash_of(std::string_view key) { return base::hash64(base::as_bytes(key), kSeed); }

// Of the default keyspace, 16 digits.
std::string some_key(std::uint64_t i) {
  std::string text = std::to_string(base::Random(i).next() % 10'000'000'000);
  return std::string(4, '\0') + std::string(16 - text.size(), '0') + text;
}

const std::vector<std::string>& keys() {
  static const auto sorted = [] {
    std::vector<std::string> all;
    for (std::uint64_t i = 0; i < 1024 * kKeysPerBlock; ++i) all.push_back(some_key(i));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }();
  return sorted;
}

std::vector<std::byte> payload() {
  table::PartitionBuilder builder;
  std::uint32_t sector = 0;
  for (std::size_t at = 0; at < keys().size(); at += kKeysPerBlock, sector += 8) {
    const std::size_t end = std::min(at + kKeysPerBlock, keys().size());
    for (std::size_t i = at; i < end; ++i) builder.add_key(hash_of(keys()[i]));
    builder.add_block(keys()[at], keys()[end - 1], {sector, 8});
  }
  std::vector<std::byte> bytes;
  return builder.finish(bytes) ? bytes : std::vector<std::byte>{};
}

void build(benchmark::State& state) {
  benchmark::DoNotOptimize(keys().data());
  for (auto _ : state) benchmark::DoNotOptimize(payload().data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(keys().size()));
}
BENCHMARK(build);

void load(benchmark::State& state) {
  const auto bytes = payload();
  for (auto _ : state) {
    benchmark::DoNotOptimize(table::Partition::load(bytes, UINT32_MAX).value().blocks());
  }
  state.counters["payload"] = static_cast<double>(bytes.size());
  state.counters["memory"] =
      static_cast<double>(table::Partition::load(bytes, UINT32_MAX).value().memory_bytes());
}
BENCHMARK(load);

void find(benchmark::State& state, bool missing) {
  const auto partition = table::Partition::load(payload(), UINT32_MAX).value();
  base::Random random(1);
  std::vector<std::string> sought;
  for (std::size_t i = 0; i < 1 << 14; ++i) {
    sought.push_back(missing ? some_key(random.next()) : keys()[random.below(keys().size())]);
  }
  std::size_t next = 0;
  std::uint64_t words = 0;
  for (auto _ : state) {
    const std::string_view key = sought[next];
    if (partition.may_contain(hash_of(key))) {
      words += partition.frame(partition.find_block(key)).load(std::memory_order_acquire);
    }
    next = (next + 1) % sought.size();
  }
  benchmark::DoNotOptimize(words);
}
void hit(benchmark::State& state) { find(state, false); }
void miss(benchmark::State& state) { find(state, true); }
BENCHMARK(hit);
BENCHMARK(miss);

}  // namespace

BENCHMARK_MAIN();
