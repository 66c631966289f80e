// The memtable beside a plain skiplist: 600,000 entries of 16 + 100 bytes and like shapes, put in
// random order, read one by one (each read waits for the last, as a caller that acts on it does),
// read in batches, scanned both ways. Nanoseconds an entry are 1e9 / items_per_second.
//
// The skiplist is LevelDB's in kind: a tower of p = 1/4, nodes with key and value behind them in an
// arena, whole keys compared at each step. What a memtable must do besides, it does not: no
// versions, no reservation, no memory bound, no publication to readers.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/random.h"
#include "memtable/cursor.h"
#include "memtable/memtable.h"

using namespace siltstone;
using base::Sequence;
using memtable::Memtable;

namespace {

std::size_t entry_count = 600'000;  // --entries=N
std::size_t arena_bytes = 0;
const std::string kValue(100, 'v');

enum Shape : std::uint8_t { decimal, big_endian, sequential, shared_prefix, url };
constexpr std::array kShapeNames = {"decimal", "big_endian", "sequential", "shared_prefix", "url"};

std::string big_endian_text(std::uint64_t number) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift);
  return text;
}

std::string decimal_text(std::uint64_t number) {
  std::string digits = std::to_string(number % 10'000'000'000'000'000);
  return std::string(16 - digits.size(), '0') + digits;
}

std::string key_of(Shape shape, std::uint64_t i) {
  const std::uint64_t bits = base::Random(i).next();
  switch (shape) {
    case decimal: return decimal_text(bits);
    case big_endian: return big_endian_text(bits);
    case sequential: return decimal_text(i);
    case shared_prefix: return std::string(64, 'p') + big_endian_text(bits);
    case url:
      return "https://www.host" + std::to_string(bits % 5000) + ".example.org/section" +
             std::to_string(bits / 8192 % 50) + "/item?id=" + std::to_string(bits >> 32);
  }
  return {};
}

// Keys one behind the other, so that reading the key costs no cache miss of its own.
class Keys {
 public:
  void add(const std::string& key) {
    text_ += key;
    ends_.push_back(text_.size());
  }
  [[nodiscard]] std::string_view operator[](std::size_t i) const {
    const std::size_t start = i == 0 ? 0 : ends_[i - 1];
    return {text_.data() + start, ends_[i] - start};
  }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] std::size_t bytes() const { return text_.size(); }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
};

// One shape at a time is kept.
struct Data {
  Shape shape;
  Keys keys;      // in the order of insertion
  Keys shuffled;  // the same in another order
  Keys missing;   // as many that are never inserted
};

const Data& data_of(Shape shape) {
  static std::unique_ptr<Data> data;
  if (data != nullptr && data->shape == shape) return *data;
  data = std::make_unique<Data>();
  data->shape = shape;
  std::vector<std::uint64_t> order(entry_count);
  std::iota(order.begin(), order.end(), 0);
  base::Random random(7);
  std::shuffle(order.begin(), order.end(), random);
  for (std::uint64_t i = 0; i < entry_count; ++i) {
    data->keys.add(key_of(shape, i));
    data->shuffled.add(key_of(shape, order[i]));
    data->missing.add(key_of(shape, entry_count + order[i]));
  }
  return *data;
}

class Skiplist {
 public:
  explicit Skiplist(base::Arena arena) : arena_(std::move(arena)) {
    head_ = make(kMaxHeight, {}, {});
    std::fill_n(head_->next, kMaxHeight, nullptr);
  }

  void put(std::string_view key, std::string_view value) {
    std::array<Node*, kMaxHeight> before;
    find(key, before.data());
    int height = 1;
    while (height < kMaxHeight && random_.below(4) == 0) ++height;
    Node* const node = make(height, key, value);
    for (int level = 0; level < height; ++level) {
      node->next[level] = before[static_cast<std::size_t>(level)]->next[level];
      before[static_cast<std::size_t>(level)]->next[level] = node;
    }
  }
  [[nodiscard]] const char* get(std::string_view key) const {
    const Node* const node = find(key, nullptr);
    return node != nullptr && node->key() == key ? node->value().data() : nullptr;
  }

  struct Node {
    std::uint32_t key_bytes;
    std::uint32_t value_bytes;
    const char* text;
    Node* next[1];

    [[nodiscard]] std::string_view key() const { return {text, key_bytes}; }
    [[nodiscard]] std::string_view value() const { return {text + key_bytes, value_bytes}; }
  };
  [[nodiscard]] const Node* first() const { return head_->next[0]; }
  [[nodiscard]] const Node* last() const {
    const Node* node = head_;
    for (int level = kMaxHeight - 1; level >= 0; --level) {
      while (node->next[level] != nullptr) node = node->next[level];
    }
    return node;
  }
  /// A search for the last one before, as LevelDB's Prev() does it. Null at the beginning.
  [[nodiscard]] const Node* before(std::string_view key) const {
    std::array<Node*, kMaxHeight> path;
    find(key, path.data());
    return path[0] == head_ ? nullptr : path[0];
  }

 private:
  static constexpr int kMaxHeight = 12;

  Node* make(int height, std::string_view key, std::string_view value) {
    const std::size_t tower = sizeof(Node) + sizeof(Node*) * static_cast<std::size_t>(height - 1);
    std::byte* const place = arena_.at(arena_.allocate(tower + key.size() + value.size()));
    Node* const node = reinterpret_cast<Node*>(place);
    char* const text = reinterpret_cast<char*>(place + tower);
    node->key_bytes = static_cast<std::uint32_t>(key.size());
    node->value_bytes = static_cast<std::uint32_t>(value.size());
    node->text = text;
    if (!key.empty()) std::memcpy(text, key.data(), key.size());
    if (!value.empty()) std::memcpy(text + key.size(), value.data(), value.size());
    return node;
  }

  Node* find(std::string_view key, Node** before) const {
    Node* node = head_;
    for (int level = kMaxHeight - 1;; --level) {
      while (node->next[level] != nullptr && node->next[level]->key() < key) {
        node = node->next[level];
      }
      if (before != nullptr) before[level] = node;
      if (level == 0) return node->next[0];
    }
  }

  base::Arena arena_;
  base::Random random_{1};
  Node* head_;
};

// Arenas with all pages in memory, one for each side, used again and again.
std::shared_ptr<base::ArenaPool> pool() {
  static const auto shared = std::make_shared<base::ArenaPool>(arena_bytes, 2);
  return shared;
}

struct TheMemtable {
  static constexpr const char* kName = "memtable";

  TheMemtable() : table(Memtable::create(pool(), 42).value()) { table->prefault(arena_bytes); }

  void put(std::string_view key) {
    Memtable::Staged staged(*table);
    benchmark::DoNotOptimize(staged.put(key, kValue));
    table->link(std::move(staged), Sequence(++sequence));
  }
  [[nodiscard]] std::size_t get(std::string_view key) const {
    const auto entry = table->get(key, Sequence(sequence));
    return entry ? static_cast<unsigned char>(entry->value.front()) : 0;
  }
  template <typename Use>
  std::size_t forward(const Use& use) const {
    memtable::Cursor cursor(*table, Sequence(sequence));
    std::size_t count = 0;
    for (cursor.seek(""); cursor.valid(); cursor.next(), ++count) use(cursor.key(), cursor.value());
    return count;
  }
  template <typename Use>
  std::size_t reverse(const Use& use) const {
    memtable::Cursor cursor(*table, Sequence(sequence));
    std::size_t count = 0;
    for (cursor.seek_last(); cursor.valid(); cursor.previous(), ++count) {
      use(cursor.key(), cursor.value());
    }
    return count;
  }

  std::unique_ptr<Memtable> table;
  std::uint64_t sequence = 0;
};

struct TheSkiplist {
  static constexpr const char* kName = "skiplist";

  TheSkiplist()
      : list([] {
          base::Arena arena = pool()->take().value();
          arena.prefault(arena_bytes);
          return arena;
        }()) {}

  void put(std::string_view key) { list.put(key, kValue); }
  [[nodiscard]] std::size_t get(std::string_view key) const {
    const char* const value = list.get(key);
    return value != nullptr ? static_cast<unsigned char>(*value) : 0;
  }
  template <typename Use>
  std::size_t forward(const Use& use) const {
    std::size_t count = 0;
    for (const auto* node = list.first(); node != nullptr; node = node->next[0], ++count) {
      use(node->key(), node->value());
    }
    return count;
  }
  template <typename Use>
  std::size_t reverse(const Use& use) const {
    std::size_t count = 0;
    for (const auto* node = list.last(); node != nullptr; node = list.before(node->key())) {
      use(node->key(), node->value());
      ++count;
    }
    return count;
  }

  Skiplist list;
};

// One full instance of a structure and shape at a time.
template <typename Structure>
const Structure& filled(Shape shape) {
  static std::unique_ptr<Structure> instance;
  static Shape holds;
  if (instance == nullptr || holds != shape) {
    instance.reset();
    instance = std::make_unique<Structure>();
    holds = shape;
    const Keys& keys = data_of(shape).keys;
    for (std::size_t i = 0; i < keys.size(); ++i) instance->put(keys[i]);
  }
  return *instance;
}

template <typename Structure>
void insert(benchmark::State& state, Shape shape) {
  const Data& data = data_of(shape);
  for (auto _ : state) {
    state.PauseTiming();
    auto structure = std::make_unique<Structure>();
    state.ResumeTiming();
    for (std::size_t i = 0; i < entry_count; ++i) structure->put(data.keys[i]);
    state.PauseTiming();
    structure.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(entry_count));
}

// The key to read next depends on what was read last.
template <typename Structure>
void dependent(benchmark::State& state, Shape shape, bool hits) {
  const Structure& structure = filled<Structure>(shape);
  const Data& data = data_of(shape);
  const Keys& keys = hits ? data.shuffled : data.missing;
  std::size_t next = 0;
  for (auto _ : state) {
    const std::size_t read = structure.get(keys[next]);
    next = next + 1 + (read == 1 ? 1 : 0);
    if (next >= entry_count) next = 0;
    asm volatile("" : "+r"(next)::"memory");
#if defined(__x86_64__)
    __builtin_ia32_lfence();  // or the processor would guess `read` and overlap the reads
#endif
  }
  state.SetItemsProcessed(state.iterations());
}

template <typename Structure>
void hit(benchmark::State& state, Shape shape) {
  dependent<Structure>(state, shape, true);
}
template <typename Structure>
void miss(benchmark::State& state, Shape shape) {
  dependent<Structure>(state, shape, false);
}

void batch_of_64(benchmark::State& state, Shape shape) {
  const auto& structure = filled<TheMemtable>(shape);
  const Data& data = data_of(shape);
  std::vector<memtable::Key> keys;
  std::vector<std::optional<memtable::Entry>> entries(64);
  std::size_t next = 0;
  while (state.KeepRunning()) {
    keys.clear();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      keys.emplace_back(data.shuffled[next]);
      if (++next == entry_count) next = 0;
    }
    structure.table->get_batch(keys, Sequence(structure.sequence), entries);
    benchmark::DoNotOptimize(entries.data());
  }
  state.SetItemsProcessed(state.iterations() * 64);
}

// Touches the ends of key and value.
template <typename Structure>
void scan(benchmark::State& state, Shape shape, bool forward) {
  const Structure& structure = filled<Structure>(shape);
  std::size_t sum = 0;
  const auto use = [&sum](std::string_view key, std::string_view value) {
    sum += static_cast<std::size_t>(key.back()) + static_cast<std::size_t>(value.back());
  };
  std::size_t count = 0;
  for (auto _ : state) {
    count += forward ? structure.forward(use) : structure.reverse(use);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(count));
}

template <typename Structure>
void scan_forward(benchmark::State& state, Shape shape) {
  scan<Structure>(state, shape, true);
}
template <typename Structure>
void scan_reverse(benchmark::State& state, Shape shape) {
  scan<Structure>(state, shape, false);
}

void bytes_an_entry(benchmark::State& state, Shape shape) {
  const auto& structure = filled<TheMemtable>(shape);
  const std::size_t payload = data_of(shape).keys.bytes() + entry_count * kValue.size();
  while (state.KeepRunning()) benchmark::DoNotOptimize(structure.table->usage());
  const auto usage = structure.table->usage();
  const auto overhead = [&](std::size_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(entry_count);
  };
  state.counters["overhead_used"] = overhead(usage.records + usage.index - payload);
  state.counters["overhead_reserved"] = overhead(usage.reserved - payload);
  state.counters["index"] = overhead(usage.index);
}

template <typename Structure>
void register_structure(Shape shape) {
  const auto name = [&](const char* what) {
    return std::string(what) + "/" + Structure::kName + "/" + kShapeNames[shape];
  };
  const auto add = [&](const char* what, void (*function)(benchmark::State&, Shape)) {
    benchmark::RegisterBenchmark(name(what).c_str(), function, shape);
  };
  add("insert", insert<Structure>);
  add("hit", hit<Structure>);
  add("miss", miss<Structure>);
  add("scan_forward", scan_forward<Structure>);
  add("scan_reverse", scan_reverse<Structure>);
  if constexpr (std::is_same_v<Structure, TheMemtable>) {
    add("batch_of_64", batch_of_64);
    add("bytes", bytes_an_entry);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Its own argument comes first.
  constexpr std::string_view kEntries = "--entries=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(kEntries)) {
    const std::string_view number = std::string_view(argv[1]).substr(kEntries.size());
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), entry_count);
    if (error != std::errc{} || *end != '\0' || entry_count == 0) return 1;
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  arena_bytes = (std::size_t{1} << 20) + entry_count * 400;
  for (const Shape shape : {decimal, big_endian, sequential, shared_prefix, url}) {
    register_structure<TheMemtable>(shape);
    register_structure<TheSkiplist>(shape);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
