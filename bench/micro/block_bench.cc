// Blocks in memory: 2,000,000 entries of 16 + 100 bytes in frames that lie in random order, so that
// nearly every look at one is a cache miss. Which block holds a key is known beforehand: what an
// index costs is not in these figures. Nanoseconds an entry are 1e9 / items_per_second.
//
//   find, miss        one key after another; the processor overlaps them as it can
//   find_dependent    each waits for the one before, as a caller that acts on the value does
//   batch             64 at a time in stages: lines, tags, entries, comparison
//   scan              all frames in the order of keys, with the next one asked for; key and value
//                     are touched
//   build, load       entries to raw blocks, raw blocks to frames; in one block's memory each
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/hash.h"
#include "base/random.h"
#include "table/block.h"
#include "table/block_builder.h"
#include "table/block_cursor.h"
#include "table/block_load.h"
#include "table/stored_unit.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

std::size_t entry_count = 2'000'000;  // --entries=N
constexpr std::uint64_t kSeed = 42;
constexpr std::size_t kBatch = 64;

enum class Kind : std::uint8_t { plain, versions };

struct Shape {
  const char* name;
  std::size_t frame_bytes;
  Kind kind;
};
constexpr std::array kBlockShapes = {
    Shape{"4KiB", 4096, Kind::plain},
    Shape{"8KiB", 8192, Kind::plain},
    Shape{"16KiB", 16'384, Kind::plain},
    Shape{"4KiB_sequences", 4096, Kind::versions},
};

std::string key_text(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(4, '\0') + std::string(16 - digits.size(), '0') + digits;
}

std::string value_text(std::uint64_t number) {
  // Half of it compresses.
  base::Random random(number);
  std::string value(100, 'v');
  for (std::size_t i = 0; i < 50; ++i) value[i] = static_cast<char>(random.next());
  return value;
}

struct Query {
  std::uint32_t block = 0;
  std::uint16_t hint = 0;
  std::array<char, 20> key;
  std::uint64_t hash = 0;
};

// The frames of one shape, and keys to look for in random order.
class Blocks {
 public:
  explicit Blocks(const Shape& shape) : frame_bytes_(shape.frame_bytes) {
    build(shape);
    place();
    base::Random random(3);
    std::shuffle(queries_.begin(), queries_.end(), random);
    for (Query& query : queries_) query.hint = hints_[query.block];
  }

  [[nodiscard]] const std::byte* frame(std::size_t block) const { return frames_[block]; }
  [[nodiscard]] std::uint16_t hint(std::size_t block) const { return hints_[block]; }
  [[nodiscard]] std::size_t size() const { return frames_.size(); }
  [[nodiscard]] const std::vector<Query>& queries() const { return queries_; }
  [[nodiscard]] double bytes_per_entry() const {
    return static_cast<double>(used_bytes_) / static_cast<double>(queries_.size());
  }

 private:
  void build(const Shape& shape) {
    BlockBuilder builder({.raw_bytes = shape.frame_bytes, .frame_bytes = shape.frame_bytes});
    base::Random random(1);
    for (std::uint64_t i = 0; i < entry_count; ++i) {
      const std::string key = key_text(i * 5000);
      const std::string value = value_text(i);
      const base::Sequence sequence(shape.kind == Kind::plain ? 0 : 1 + random.below(entry_count));
      const Entry entry{key, sequence, base::EntryKind::value, 0, value};
      if (!builder.add(entry)) {
        take(builder);
        if (!builder.add(entry)) std::abort();
      }
      Query query;
      query.block = static_cast<std::uint32_t>(raw_.size());
      std::memcpy(query.key.data(), key.data(), query.key.size());
      query.hash = base::hash64(base::as_bytes(key), kSeed);
      queries_.push_back(query);
    }
    take(builder);
  }
  void take(BlockBuilder& builder) {
    const FinishedBlock block = builder.finish();
    raw_.emplace_back(block.raw.begin(), block.raw.end());
  }
  void place() {
    buffer_ =
        base::AlignedBuffer::allocate(raw_.size() * frame_bytes_, base::PageKind::huge).value();
    std::vector<std::size_t> order(raw_.size());
    std::iota(order.begin(), order.end(), 0);
    base::Random random(2);
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t i = 0; i < raw_.size(); ++i) {
      const base::MutableBytes frame =
          buffer_.bytes().subspan(order[i] * frame_bytes_, frame_bytes_);
      if (!load_block(raw_[i], kSeed, frame)) std::abort();
      used_bytes_ += read_block_shape(raw_[i])->bytes;
      frames_.push_back(frame.data());
      hints_.push_back(frame_hint(frame.data()));
    }
    raw_.clear();
  }

  std::size_t frame_bytes_;
  std::size_t used_bytes_ = 0;
  std::vector<std::vector<std::byte>> raw_;
  base::AlignedBuffer buffer_;
  std::vector<const std::byte*> frames_;
  std::vector<std::uint16_t> hints_;
  std::vector<Query> queries_;
};

// One shape at a time is kept.
const Blocks& blocks_of(const Shape& shape) {
  static std::unique_ptr<Blocks> blocks;
  static const Shape* holds = nullptr;
  if (holds != &shape) {
    blocks.reset();
    blocks = std::make_unique<Blocks>(shape);
    holds = &shape;
  }
  return *blocks;
}

std::string_view key_of(const Query& query) { return {query.key.data(), query.key.size()}; }

std::size_t find_one(const Blocks& blocks, const Query& query, std::string_view key,
                     std::uint64_t hash) {
  const std::byte* const frame = blocks.frame(query.block);
  prefetch_for_find(frame, query.hint, hash);
  BlockEntry entry;
  const Lookup lookup = Block(frame).find(key, hash, base::kMaxSequence, entry);
  return lookup == Lookup::found ? static_cast<std::uint8_t>(entry.value.back()) : 0;
}

void find(benchmark::State& state, const Shape& shape) {
  const Blocks& blocks = blocks_of(shape);
  std::size_t next = 0;
  std::size_t sum = 0;
  for (auto _ : state) {
    const Query& query = blocks.queries()[next];
    sum += find_one(blocks, query, key_of(query), query.hash);
    if (++next == blocks.queries().size()) next = 0;
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
  state.counters["bytes_per_entry"] = blocks.bytes_per_entry();
}

void find_dependent(benchmark::State& state, const Shape& shape) {
  const Blocks& blocks = blocks_of(shape);
  std::size_t next = 0;
  for (auto _ : state) {
    const Query& query = blocks.queries()[next];
    const std::size_t read = find_one(blocks, query, key_of(query), query.hash);
    next += 1 + (read == 1 ? 1 : 0);
    if (next >= blocks.queries().size()) next = 0;
    asm volatile("" : "+r"(next)::"memory");
#if defined(__x86_64__)
    __builtin_ia32_lfence();  // or the processor would guess `read` and overlap the searches
#endif
  }
  state.SetItemsProcessed(state.iterations());
}

// Keys between those that are there.
void miss(benchmark::State& state, const Shape& shape) {
  const Blocks& blocks = blocks_of(shape);
  std::size_t next = 0;
  std::size_t sum = 0;
  for (auto _ : state) {
    const Query& query = blocks.queries()[next];
    std::array<char, 20> key = query.key;
    key.back() = '7';
    sum += find_one(blocks, query, {key.data(), key.size()}, query.hash * 0x9e37'79b9'7f4a'7c15);
    if (++next == blocks.queries().size()) next = 0;
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}

void batch(benchmark::State& state, const Shape& shape) {
  const Blocks& blocks = blocks_of(shape);
  std::array<Block, kBatch> in;
  std::array<Block::Match, kBatch> matches;
  std::size_t next = 0;
  std::size_t sum = 0;
  while (state.KeepRunning()) {
    if (next + kBatch > blocks.queries().size()) next = 0;
    const Query* const queries = &blocks.queries()[next];
    for (std::size_t i = 0; i < kBatch; ++i) {
      prefetch_for_find(blocks.frame(queries[i].block), queries[i].hint, queries[i].hash);
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
      in[i] = Block(blocks.frame(queries[i].block));
      matches[i] = in[i].match(queries[i].hash);
      in[i].prefetch(matches[i]);
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
      BlockEntry entry;
      const Lookup lookup = in[i].find(key_of(queries[i]), base::kMaxSequence, matches[i], entry);
      sum += lookup == Lookup::found ? static_cast<std::uint8_t>(entry.value.back()) : 0;
    }
    next += kBatch;
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

// A seek, and `steps` entries from there.
void seek(benchmark::State& state, const Shape& shape, std::size_t steps) {
  const Blocks& blocks = blocks_of(shape);
  BlockCursor cursor;
  std::size_t next = 0;
  std::size_t sum = 0;
  for (auto _ : state) {
    const Query& query = blocks.queries()[next];
    std::size_t block = query.block;
    prefetch_for_seek(blocks.frame(block), query.hint);
    cursor.enter(Block(blocks.frame(block)));
    if (steps > 0 && block + 1 < blocks.size()) cursor.set_ahead(blocks.frame(block + 1));
    cursor.seek(key_of(query));
    for (std::size_t step = 0;; ++step) {
      if (!cursor.valid()) {
        if (++block == blocks.size()) break;
        cursor.enter(Block(blocks.frame(block)));
        cursor.seek_first();
      }
      sum += static_cast<std::uint8_t>(cursor.key().back()) +
             static_cast<std::uint8_t>(cursor.value().back());
      if (step == steps) break;
      cursor.next();
    }
    if (++next == blocks.queries().size()) next = 0;
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}

void seek_1(benchmark::State& state, const Shape& shape) { seek(state, shape, 0); }
void seek_50(benchmark::State& state, const Shape& shape) { seek(state, shape, 50); }

void scan(benchmark::State& state, const Shape& shape, bool forward) {
  const Blocks& blocks = blocks_of(shape);
  BlockCursor cursor;
  std::size_t sum = 0;
  std::int64_t count = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const std::size_t block = forward ? i : blocks.size() - 1 - i;
      cursor.enter(Block(blocks.frame(block)));
      const bool is_last = i + 1 == blocks.size();
      cursor.set_ahead(is_last ? nullptr : blocks.frame(forward ? block + 1 : block - 1));
      if (forward) {
        cursor.seek_first();
      } else {
        cursor.seek_last();
      }
      while (cursor.valid()) {
        sum += static_cast<std::uint8_t>(cursor.key().back()) +
               static_cast<std::uint8_t>(cursor.value().back());
        ++count;
        if (forward) {
          cursor.next();
        } else {
          cursor.previous();
        }
      }
    }
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(count);
}

void scan_forward(benchmark::State& state, const Shape& shape) { scan(state, shape, true); }
void scan_reverse(benchmark::State& state, const Shape& shape) { scan(state, shape, false); }

// The same thousands of entries again and again.
struct Source {
  std::vector<std::string> keys;
  std::vector<std::string> values;
  std::vector<std::vector<std::byte>> raw;

  explicit Source(const Shape& shape) {
    BlockBuilder builder({.raw_bytes = shape.frame_bytes, .frame_bytes = shape.frame_bytes});
    for (std::uint64_t i = 0; i < std::min<std::size_t>(entry_count, 4000); ++i) {
      keys.push_back(key_text(i * 5000));
      values.push_back(value_text(i));
      if (!builder.add(entry(shape, i))) {
        take(builder);
        if (!builder.add(entry(shape, i))) std::abort();
      }
    }
    take(builder);
  }
  [[nodiscard]] Entry entry(const Shape& shape, std::size_t i) const {
    const base::Sequence sequence(shape.kind == Kind::plain ? 0 : 1 + i * 7919 % 4000);
    return {keys[i], sequence, base::EntryKind::value, 0, values[i]};
  }

 private:
  void take(BlockBuilder& builder) {
    const FinishedBlock block = builder.finish();
    raw.emplace_back(block.raw.begin(), block.raw.end());
  }
};

void build(benchmark::State& state, const Shape& shape) {
  const Source source(shape);
  std::size_t bytes = 0;
  for (auto _ : state) {
    BlockBuilder builder({.raw_bytes = shape.frame_bytes, .frame_bytes = shape.frame_bytes});
    for (std::size_t i = 0; i < source.keys.size(); ++i) {
      const Entry entry = source.entry(shape, i);
      if (!builder.add(entry)) {
        bytes += builder.finish().raw.size();
        if (!builder.add(entry)) std::abort();
      }
    }
    bytes += builder.finish().raw.size();
  }
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(source.keys.size()));
}

void load(benchmark::State& state, const Shape& shape, bool has_tags) {
  const Source source(shape);
  const auto frame = base::AlignedBuffer::allocate(shape.frame_bytes).value();
  for (auto _ : state) {
    for (const auto& raw : source.raw) {
      const auto loaded =
          has_tags ? load_block(raw, kSeed, frame.bytes()) : load_block_to_walk(raw, frame.bytes());
      if (!loaded) std::abort();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(source.keys.size()));
}

void load_to_find(benchmark::State& state, const Shape& shape) { load(state, shape, true); }
void load_to_walk(benchmark::State& state, const Shape& shape) { load(state, shape, false); }

void unit(benchmark::State& state, const Shape& shape, base::Codec codec, bool is_read) {
  const Source source(shape);
  const std::size_t raw_bytes = source.raw.front().size();
  std::vector<std::byte> bytes(unit_buffer_bytes(codec, raw_bytes));
  std::vector<std::byte> raw(raw_bytes);
  const std::uint32_t count = read_block_shape(source.raw.front())->entries;
  const auto encode = [&] {
    const std::size_t size =
        encode_unit(UnitType::data_block, codec, source.raw.front(), bytes).value().bytes;
    seal_unit(std::span(bytes).first(size), base::TableId(1), 8);
    return size;
  };
  const std::size_t size = encode();
  for (auto _ : state) {
    if (!is_read) {
      benchmark::DoNotOptimize(encode());
      continue;
    }
    const auto view =
        check_unit(std::span(bytes).first(size), base::TableId(1), 8, UnitType::data_block);
    if (!view || !decompress_unit(*view, raw)) std::abort();
    benchmark::DoNotOptimize(raw.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

void register_all() {
  const auto add = [](const char* what, const Shape& shape,
                      void (*function)(benchmark::State&, const Shape&)) {
    const std::string name = std::string(what) + "/" + shape.name;
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&shape, function](benchmark::State& s) { function(s, shape); });
  };
  for (const Shape& shape : kBlockShapes) {
    add("find", shape, find);
    add("find_dependent", shape, find_dependent);
    add("miss", shape, miss);
    add("batch_of_64", shape, batch);
    add("seek", shape, seek_1);
    add("seek_and_50", shape, seek_50);
    add("scan_forward", shape, scan_forward);
    add("scan_reverse", shape, scan_reverse);
    add("build", shape, build);
    add("load", shape, load_to_find);
    add("load_to_walk", shape, load_to_walk);
  }
  for (const base::Codec codec : {base::Codec::none, base::Codec::snappy}) {
    if (!base::codec_available(codec)) continue;
    for (const bool is_read : {false, true}) {
      const std::string name =
          std::string(is_read ? "unit_check/" : "unit_encode/") + base::codec_name(codec);
      benchmark::RegisterBenchmark(name.c_str(), [codec, is_read](benchmark::State& s) {
        unit(s, kBlockShapes[0], codec, is_read);
      });
    }
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
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
