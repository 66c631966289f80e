// The block cache: what a hit costs through a word beside a hash table of the same blocks, what a
// pin and a miss cost, and how often reads hit where the cache holds part of the blocks.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "base/epoch.h"
#include "base/random.h"
#include "table/block_cache.h"

using namespace siltstone;
using base::EpochGuard;
using table::BlockCache;
using table::Entering;
using table::FrameView;
using table::FrameWord;
using table::look;
using table::peek;

namespace {

constexpr std::size_t kFrameBytes = 4096;
// With the entries of its frames.
constexpr std::size_t kCostBytes = kFrameBytes + 128;

struct World {
  BlockCache::Owner cache;
  std::vector<FrameWord> words;

  World(std::size_t frames, std::size_t blocks)
      : cache(BlockCache::create((std::size_t{4} << 20) + frames * kCostBytes).value()),
        words(blocks) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    cache->forget(words);
    cache.reset();
  }
  void load(std::size_t block, Entering entering = Entering::point) {
    table::FreshFrame fresh = cache->allocate(kFrameBytes).value();
    std::memset(fresh.bytes.data(), 1, 64);
    benchmark::DoNotOptimize(cache->publish(std::move(fresh), words[block], 0, nullptr, entering));
  }
  bool get(std::size_t block) {
    {
      const EpochGuard guard;
      if (look(words[block])) return true;
    }
    load(block);
    return false;
  }
};

// 150,000 blocks are 600 MiB; where memory is dear, fewer.
std::size_t block_count(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

std::vector<std::uint32_t> random_order(std::size_t blocks) {
  base::Random random(3);
  std::vector<std::uint32_t> order(std::size_t{1} << 16);
  for (auto& block : order) block = static_cast<std::uint32_t>(random.below(blocks));
  return order;
}

// Finds the frame and reads its first line, under one guard for each.
void hit_by_word(benchmark::State& state) {
  World world(block_count(state), block_count(state));
  for (std::size_t i = 0; i < world.words.size(); ++i) world.load(i);
  const auto order = random_order(world.words.size());
  std::size_t i = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const EpochGuard guard;
    sum += static_cast<std::uint64_t>(*look(world.words[order[i++ % order.size()]]).data);
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(hit_by_word)->Arg(20'000);

void hit_by_hash(benchmark::State& state) {
  World world(block_count(state), block_count(state));
  std::unordered_map<std::uint64_t, FrameWord*> map;
  for (std::size_t i = 0; i < world.words.size(); ++i) {
    world.load(i);
    map.emplace(i * 0x9e37'79b9'7f4a'7c15, &world.words[i]);
  }
  const auto order = random_order(world.words.size());
  std::size_t i = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const EpochGuard guard;
    const std::uint64_t key = order[i++ % order.size()] * 0x9e37'79b9'7f4a'7c15;
    sum += static_cast<std::uint64_t>(*look(*map.find(key)->second).data);
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(hit_by_hash)->Arg(20'000);

void pin_and_unpin(benchmark::State& state) {
  World world(1000, 1000);
  for (std::size_t i = 0; i < world.words.size(); ++i) world.load(i);
  std::size_t i = 0;
  for (auto _ : state) {
    const EpochGuard guard;
    benchmark::DoNotOptimize(world.cache->pin(look(world.words[i++ % 1000])));
  }
}
BENCHMARK(pin_and_unpin);

// A load into a full cache, but for the reading: allocate, evict, publish.
void miss(benchmark::State& state) {
  World world(10'000, 40'000);
  std::size_t i = 0;
  for (std::size_t n = 0; n < world.words.size(); ++n) world.load(i++ % world.words.size());
  for (auto _ : state) {
    if (!peek(world.words[i % world.words.size()])) world.load(i % world.words.size());
    ++i;
  }
}
BENCHMARK(miss);

// Zipf-distributed over `count`, scattered, by the method of Gray et al.
class Zipf {
 public:
  Zipf(std::size_t count, double theta) : count_(count), theta_(theta) {
    for (std::size_t i = 1; i <= count; ++i) zeta_ += 1 / std::pow(static_cast<double>(i), theta);
    const double zeta_2 = 1 + std::pow(0.5, theta);
    eta_ = (1 - std::pow(2.0 / static_cast<double>(count), 1 - theta)) / (1 - zeta_2 / zeta_);
  }
  std::size_t draw(base::Random& random) const {
    const double u = static_cast<double>(random.next() >> 11) * 0x1p-53;
    double rank = 0;
    if (u * zeta_ >= 1) {
      rank = u * zeta_ < 1 + std::pow(0.5, theta_)
                 ? 1
                 : static_cast<double>(count_) * std::pow(eta_ * u - eta_ + 1, 1 / (1 - theta_));
    }
    return (static_cast<std::size_t>(rank) * 0x9e37'79b9) % count_;
  }

 private:
  std::size_t count_;
  double theta_;
  double zeta_ = 0;
  double eta_ = 0;
};

// The part of gets that hit, where a tenth of the blocks fit; the second argument is how many
// blocks a scan loads for each get.
void hit_rate(benchmark::State& state) {
  const std::size_t blocks = block_count(state);
  const Zipf zipf(blocks, 0.99);
  World world(blocks / 10, blocks);
  base::Random random(11);
  std::size_t scanned = 0;
  std::uint64_t hits = 0;
  std::uint64_t gets = 0;
  for (std::size_t i = 0; i < 2 * blocks; ++i) world.get(zipf.draw(random));
  for (auto _ : state) {
    hits += world.get(zipf.draw(random)) ? 1 : 0;
    ++gets;
    for (int i = 0; i < state.range(1); ++i) {
      scanned = (scanned + 1) % blocks;
      if (!peek(world.words[scanned])) world.load(scanned, Entering::scan);
    }
  }
  state.counters["hits"] = static_cast<double>(hits) / static_cast<double>(gets);
}
BENCHMARK(hit_rate)->Args({20'000, 0})->Args({20'000, 1})->Args({20'000, 4});

}  // namespace

BENCHMARK_MAIN();
