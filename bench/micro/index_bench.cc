// The index beside a binary search among the same strings: one of as many separators as a large
// table has blocks, and many as large as a partition's, of which each search takes another, as
// reads do that are not near each other.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "table/index.h"

using namespace siltstone;
using table::Index;

namespace {

std::size_t separator_count = 151'000;  // --separators=N
constexpr std::size_t kPartition = 1024;
constexpr std::size_t kKeysPerBlock = 4;  // enough to cut separators between
constexpr std::size_t kSought = std::size_t{1} << 16;

enum Shape : std::uint8_t { big_endian, decimal, tenants, url };
constexpr std::array kShapeNames = {"big_endian", "decimal", "tenants", "url"};

std::string digits(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

std::string key_of(Shape shape, std::uint64_t i) {
  const std::uint64_t bits = base::Random(i).next();
  std::string key(4, '\0');  // the keyspace
  switch (shape) {
    case big_endian:
      for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(bits >> shift);
      return key;
    case decimal: return key + digits(bits % 10'000'000'000, 16);
    case tenants: return key + "t" + digits(bits % 3000, 7) + "/" + digits(bits >> 20, 12);
    case url:
      return key + "https://www.host" + std::to_string(bits % 5000) + ".example.org/section" +
             std::to_string(bits / 8192 % 50) + "/item?id=" + std::to_string(bits >> 32);
  }
  return key;
}

// Separators of blocks, and keys to look for, one behind the other so that reading them costs no
// miss of its own.
struct Data {
  explicit Data(Shape wanted) : shape(wanted) {
    std::vector<std::string> keys;
    for (std::uint64_t i = 0; i < separator_count * kKeysPerBlock; ++i) {
      keys.push_back(key_of(shape, i));
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    for (std::size_t i = kKeysPerBlock; i < keys.size(); i += kKeysPerBlock) {
      separators.emplace_back(table::shortest_separator(keys[i - 1], keys[i]));
    }
    base::Random random(7);
    for (std::size_t i = 0; i < kSought; ++i) {
      const std::string& key = keys[random.below(keys.size())];
      sought_text += key;
      sought_ends.push_back(sought_text.size());
    }
  }
  [[nodiscard]] std::string_view sought(std::size_t i) const {
    const std::size_t start = i == 0 ? 0 : sought_ends[i - 1];
    return {sought_text.data() + start, sought_ends[i] - start};
  }
  [[nodiscard]] Index index(std::size_t first, std::size_t count) const {
    std::vector<table::Separator> list;
    for (std::uint32_t i = 0; i < count; ++i) list.push_back({separators[first + i], i + 1});
    return Index::build("", list);
  }

  Shape shape;
  std::vector<std::string> separators;
  std::string sought_text;
  std::vector<std::size_t> sought_ends;
};

const Data& data_of(Shape shape) {
  static std::unique_ptr<Data> data;
  if (data == nullptr || data->shape != shape) data = std::make_unique<Data>(shape);
  return *data;
}

// find(key) for one key after the other; with `dependent`, only when the last answer is there.
template <typename Find>
void look(benchmark::State& state, const Data& data, bool dependent, Find find) {
  std::size_t next = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    found = static_cast<std::size_t>(find(data.sought(next)));
    benchmark::DoNotOptimize(found);
    next = (next + 1) % kSought;
    if (dependent) next = (next + (found == SIZE_MAX ? 1 : 0)) % kSought;
    if (dependent) {
      asm volatile("" : "+r"(next)::"memory");
#if defined(__x86_64__)
      __builtin_ia32_lfence();  // or the processor would guess and overlap the searches
#endif
    }
  }
}

void whole(benchmark::State& state, Shape shape, bool dependent) {
  const Data& data = data_of(shape);
  const Index index = data.index(0, data.separators.size());
  look(state, data, dependent, [&](std::string_view key) { return index.find(key); });
  state.counters["bytes"] =
      static_cast<double>(index.memory_bytes()) / static_cast<double>(index.size());
}

void binary(benchmark::State& state, Shape shape, bool dependent) {
  const Data& data = data_of(shape);
  look(state, data, dependent, [&](std::string_view key) {
    const auto& all = data.separators;
    return std::upper_bound(all.begin(), all.end(), key) - all.begin();
  });
}

// The partition is found among the first separators of each, by an index of its own.
void partitions(benchmark::State& state, Shape shape, bool dependent) {
  const Data& data = data_of(shape);
  std::vector<Index> indexes;
  std::vector<table::Separator> firsts;
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < data.separators.size(); at += kPartition) {
    if (at > 0)
      firsts.push_back({data.separators[at], static_cast<std::uint32_t>(firsts.size() + 1)});
    indexes.push_back(data.index(at, std::min(kPartition, data.separators.size() - at)));
    bytes += indexes.back().memory_bytes();
  }
  const Index root = Index::build("", firsts);
  look(state, data, dependent,
       [&](std::string_view key) { return indexes[root.find(key)].find(key); });
  state.counters["bytes"] =
      static_cast<double>(bytes) / static_cast<double>(data.separators.size());
}

void build(benchmark::State& state, Shape shape, bool) {
  const Data& data = data_of(shape);
  const std::size_t count = std::min(kPartition, data.separators.size());
  for (auto _ : state) benchmark::DoNotOptimize(data.index(0, count).size());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

void register_shape(Shape shape) {
  const auto add = [&](const char* what, auto function, bool dependent) {
    const std::string name = std::string(what) + "/" + kShapeNames[shape];
    benchmark::RegisterBenchmark(name.c_str(), function, shape, dependent);
  };
  add("throughput/whole", whole, false);
  add("throughput/partitions", partitions, false);
  add("throughput/binary", binary, false);
  add("latency/whole", whole, true);
  add("latency/partitions", partitions, true);
  add("latency/binary", binary, true);
  add("build", build, false);
}

}  // namespace

int main(int argc, char** argv) {
  // Its own argument comes first.
  constexpr std::string_view kSeparators = "--separators=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(kSeparators)) {
    const std::string_view number = std::string_view(argv[1]).substr(kSeparators.size());
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), separator_count);
    if (error != std::errc{} || *end != '\0' || separator_count < 2) return 1;
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  for (const Shape shape : {big_endian, decimal, tenants, url}) register_shape(shape);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
