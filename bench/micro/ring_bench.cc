// Appending to the log ring: what a write in mode interval costs before there is a memtable.
// Records with a key of 16 bytes and a value get their checksum and go into memory of the ring's
// own, or into a mapped file below $TMPDIR (left out where files are not mapped). Windows are
// populated as in a store; the ring lets go of all once it is full, as if it had been drained.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "io/posix_storage.h"
#include "wal/record.h"
#include "wal/ring.h"
#include "wal/tail.h"

using namespace siltstone;

namespace {

constexpr std::size_t kRingBytes = std::size_t{8} << 20;

/// A directory of its own, gone at the end.
class Scratch {
 public:
  Scratch() : name_(std::filesystem::temp_directory_path() / "ring-bench-XXXXXX") {
    if (mkdtemp(name_.data()) == nullptr) std::abort();
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(name_); }
  [[nodiscard]] const std::string& path() const { return name_; }

 private:
  std::string name_;
};

void append(benchmark::State& state, wal::Ring& ring) {
  std::string entries;
  wal::append_entry(entries, wal::EntryKind::value, std::string(16, 'k'),
                    std::string(static_cast<std::size_t>(state.range(0)), 'v'));
  base::Sequence next{1};
  for (auto _ : state) {
    const auto record = wal::encode_record(ring.head(), next, 1, entries);
    if (record.size() > ring.capacity() - ring.used()) ring.release(ring.head().position);
    if (!ring.prepare(record.size())) std::abort();
    ring.append(record);
    next += 1;
  }
  state.SetItemsProcessed(state.iterations());
}

void append_private(benchmark::State& state) {
  auto ring = *wal::Ring::make(kRingBytes, {});
  append(state, ring);
}

void append_mapped(benchmark::State& state) {
  const Scratch scratch;
  const auto dir = *io::posix_storage().open_directory(scratch.path());
  const auto open = [&](std::uint64_t before) {
    return *wal::TailWriter::open(io::posix_storage(), *dir, kRingBytes,
                                  base::RingPosition(before));
  };
  static_cast<void>(open(0));  // small at first
  const auto tail = open(kRingBytes);
  auto mapping = tail->map();
  if (!mapping) {
    state.SkipWithError(mapping.error().to_string().c_str());
    return;
  }
  auto ring = *wal::Ring::make(tail->capacity(), {}, std::move(*mapping));
  append(state, ring);
}

BENCHMARK(append_private)->Arg(100)->Arg(1000);
BENCHMARK(append_mapped)->Arg(100)->Arg(1000);

}  // namespace

BENCHMARK_MAIN();
