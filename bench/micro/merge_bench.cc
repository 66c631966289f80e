// Merging sorted runs of 116-byte entries in memory: the merger, whose tree of losers compares key
// codes, beside a tree of losers on 8-byte heads behind a known common prefix and a binary heap
// with whole keys. For each entry the key is rebuilt into a buffer, as a cursor over blocks does,
// both ends of the value are touched, and it is told whether the key is that of the entry before:
// the merger knows, for the others it is kept and compared. Nanoseconds an entry are 1e9 /
// items_per_second.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "table/merger.h"

using namespace siltstone;
using table::Direction;

namespace {

std::size_t entry_count = 400'000;  // --entries=N
constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kMaxKeyBytes = 256;

enum Shape : std::uint8_t { decimal, big_endian, shared_prefix, clusters, url };
constexpr std::array kShapeNames = {"decimal", "big_endian", "shared_prefix", "clusters", "url"};

std::string big_endian_text(std::uint64_t number) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift);
  return text;
}

std::string decimal_text(std::uint64_t number) {
  std::string digits = std::to_string(number % 10'000'000'000'000'000);
  return std::string(16 - digits.size(), '0') + digits;
}

// With the four bytes of a keyspace in front.
std::string key_of(Shape shape, std::uint64_t bits) {
  std::string key(4, '\0');
  switch (shape) {
    case decimal: return key + decimal_text(bits);
    case big_endian: return key + big_endian_text(bits);
    case shared_prefix: return key + std::string(64, 'p') + big_endian_text(bits);
    case clusters: return key + std::string(24, bits % 2 == 0 ? 'a' : 'z') + big_endian_text(bits);
    case url:
      return key + "https://www.host" + std::to_string(bits % 5000) + ".example.org/section" +
             std::to_string(bits / 8192 % 50) + "/item?id=" + std::to_string(bits >> 32);
  }
  return key;
}

// One run: entries of {u16 key bytes, key, value} one behind the other.
class Run {
 public:
  explicit Run(std::span<const std::string> keys) : count_(keys.size()) {
    for (const auto& key : keys) {
      const auto size = static_cast<std::uint16_t>(key.size());
      bytes_.append(reinterpret_cast<const char*>(&size), sizeof size);
      bytes_ += key;
      bytes_.append(kValueBytes, 'v');
    }
    bytes_.append(64, '\0');
  }
  [[nodiscard]] const char* begin() const { return bytes_.data(); }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::string bytes_;
  std::size_t count_;
};

class Source {
 public:
  explicit Source(const Run& run) : run_(&run) { seek_first(); }
  [[nodiscard]] bool valid() const { return left_ != 0; }
  [[nodiscard]] std::string_view key() const { return {buffer_.data(), size_}; }
  [[nodiscard]] base::Sequence sequence() const { return base::Sequence(1); }
  [[nodiscard]] char value_ends() const {
    return static_cast<char>(at_[2 + size_] ^ at_[1 + size_ + kValueBytes]);
  }
  void next() {
    at_ += 2 + size_ + kValueBytes;
    --left_;
    load();
  }
  void previous() {}
  void seek_first() {
    at_ = run_->begin();
    left_ = run_->count();
    load();
  }
  void seek_last() {}

 private:
  void load() {
    if (left_ == 0) return;
    std::uint16_t size;
    std::memcpy(&size, at_, sizeof size);
    size_ = size;
    for (std::size_t i = 0; i < size_; i += 16) std::memcpy(buffer_.data() + i, at_ + 2 + i, 16);
    __builtin_prefetch(at_ + 1024);
  }

  const Run* run_;
  const char* at_ = nullptr;
  std::size_t left_ = 0;
  std::size_t size_ = 0;
  std::array<char, kMaxKeyBytes> buffer_{};
};

// What the merger was measured against: heads of the 8 bytes behind a prefix that all keys share.
class HeadMerger {
 public:
  HeadMerger(std::span<Source> sources, std::size_t prefix)
      : sources_(sources), prefix_(prefix), losers_(sources.size()) {
    winner_ = play(1);
  }
  [[nodiscard]] bool valid() const { return winner_.head != UINT64_MAX; }
  [[nodiscard]] Source& top() const { return sources_[winner_.source]; }
  void next() {
    Source& source = top();
    source.next();
    winner_.head = head(source);
    for (std::size_t node = (winner_.source + sources_.size()) / 2; node != 0; node /= 2) {
      meet(winner_, losers_[node]);
    }
  }

 private:
  struct Player {
    std::uint64_t head = UINT64_MAX;
    std::uint64_t source = 0;
  };
  [[nodiscard]] std::uint64_t head(const Source& source) const {
    if (!source.valid()) return UINT64_MAX;
    std::uint64_t bytes = 0;
    const std::string_view key = source.key();
    std::memcpy(&bytes, key.data() + prefix_, std::min<std::size_t>(8, key.size() - prefix_));
    return __builtin_bswap64(bytes);
  }
  void meet(Player& winner, Player& loser) const {
    if (winner.head == loser.head) [[unlikely]] {
      if (winner.head != UINT64_MAX && sources_[loser.source].key() < sources_[winner.source].key())
        std::swap(winner, loser);
      return;
    }
    const std::uint64_t mask = loser.head < winner.head ? ~std::uint64_t{0} : 0;
    const std::uint64_t heads = (winner.head ^ loser.head) & mask;
    const std::uint64_t both = (winner.source ^ loser.source) & mask;
    winner.head ^= heads;
    loser.head ^= heads;
    winner.source ^= both;
    loser.source ^= both;
  }
  Player play(std::size_t node) {
    if (node >= sources_.size()) {
      return {head(sources_[node - sources_.size()]), node - sources_.size()};
    }
    Player winner = play(2 * node);
    losers_[node] = play(2 * node + 1);
    meet(winner, losers_[node]);
    return winner;
  }

  std::span<Source> sources_;
  std::size_t prefix_;
  std::vector<Player> losers_;
  Player winner_;
};

class HeapMerger {
 public:
  explicit HeapMerger(std::span<Source> sources) {
    for (Source& source : sources) heap_.push_back(&source);
    std::ranges::make_heap(heap_, later);
  }
  [[nodiscard]] bool valid() const { return !heap_.empty(); }
  [[nodiscard]] Source& top() const { return *heap_.front(); }
  void next() {
    std::ranges::pop_heap(heap_, later);
    heap_.back()->next();
    if (heap_.back()->valid()) {
      std::ranges::push_heap(heap_, later);
    } else {
      heap_.pop_back();
    }
  }

 private:
  static bool later(const Source* a, const Source* b) { return b->key() < a->key(); }
  std::vector<Source*> heap_;
};

// The same entries for every number of runs, dealt out at random.
struct Data {
  std::vector<Run> runs;
  std::size_t prefix = 0;  // that all keys share

  Data(Shape shape, std::size_t run_count) {
    base::Random random(5);
    std::vector<std::vector<std::string>> keys(run_count);
    for (std::size_t i = 0; i < entry_count; ++i) {
      keys[random.below(run_count)].push_back(key_of(shape, random.next()));
    }
    std::string least;
    std::string greatest;
    for (auto& run : keys) {
      std::ranges::sort(run);
      runs.emplace_back(run);
      least = least.empty() ? run.front() : std::min(least, run.front());
      greatest = std::max(greatest, run.back());
    }
    prefix = static_cast<std::size_t>(std::ranges::mismatch(least, greatest).in1 - least.begin());
  }
};

template <typename Walk>
void measure(benchmark::State& state, Walk walk) {
  const auto shape = static_cast<Shape>(state.range(0));
  const Data data(shape, static_cast<std::size_t>(state.range(1)));
  state.SetLabel(kShapeNames[shape]);
  std::uint64_t sum = 0;
  for (auto _ : state) {
    std::vector<Source> sources(data.runs.begin(), data.runs.end());
    sum += walk(data, std::span(sources));
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(entry_count));
}

std::uint64_t touch(const Source& source) {
  return static_cast<std::uint64_t>(source.value_ends() ^ source.key().back());
}

template <typename Merging>
std::uint64_t drain_and_compare(Merging& merger) {
  std::array<char, kMaxKeyBytes> last;
  std::size_t last_size = 0;
  std::uint64_t sum = 0;
  for (; merger.valid(); merger.next()) {
    const std::string_view key = merger.top().key();
    sum += std::string_view(last.data(), last_size) == key ? 1 : touch(merger.top());
    last_size = key.size();
    for (std::size_t i = 0; i < last_size; i += 16) std::memcpy(&last[i], &key[i], 16);
  }
  return sum;
}

void key_codes(benchmark::State& state) {
  measure(state, [](const Data&, std::span<Source> sources) {
    table::Merger<Source> merger(sources, kMaxKeyBytes);
    std::uint64_t sum = 0;
    for (merger.start(Direction::forward); merger.valid(); merger.next()) {
      sum += merger.repeats_key() ? 1 : touch(merger.top());
    }
    return sum;
  });
}

void heads(benchmark::State& state) {
  measure(state, [](const Data& data, std::span<Source> sources) {
    HeadMerger merger(sources, data.prefix);
    return drain_and_compare(merger);
  });
}

void heap(benchmark::State& state) {
  measure(state, [](const Data&, std::span<Source> sources) {
    HeapMerger merger(sources);
    return drain_and_compare(merger);
  });
}

void arguments(benchmark::internal::Benchmark* bench) {
  for (const int runs : {1, 2, 4, 8}) bench->Args({decimal, runs});
  for (const Shape shape : {big_endian, shared_prefix, clusters, url}) bench->Args({shape, 4});
}
BENCHMARK(key_codes)->Apply(arguments);
BENCHMARK(heads)->Apply(arguments);
BENCHMARK(heap)->Apply(arguments);

}  // namespace

int main(int argc, char** argv) {
  // Its own argument comes first.
  constexpr std::string_view kEntries = "--entries=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(kEntries)) {
    entry_count = std::stoul(argv[1] + kEntries.size());
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
