// Readers beside the writer, on real threads, for ThreadSanitizer and for the processor's own
// reordering: every read at a sequence is exactly what was written up to it.
#include <algorithm>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "memtable/cursor.h"
#include "memtable/fixture.h"
#include "memtable/plan.h"

using namespace siltstone;
using namespace siltstone::memtable;
using base::Sequence;
using support::Rng;

namespace {

// Runs the writer and the readers until all is written; the readers count what is wrong.
std::uint64_t run(const Plan& plan, Memtable& table, const std::vector<Reading>& readers) {
  std::atomic<std::uint64_t> visible{0};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> threads;
  threads.reserve(readers.size());
  for (std::size_t r = 0; r < readers.size(); ++r) {
    threads.emplace_back([&, r] {
      Rng rng(r);
      std::uint64_t at = 0;
      do {
        at = visible.load(std::memory_order_acquire);
        wrong += readers[r](plan, table, at, rng);
      } while (at != plan.size());
    });
  }
  plan.write(table, 1, plan.size(),
             [&](std::uint64_t done) { visible.store(done, std::memory_order_release); });
  for (auto& thread : threads) thread.join();
  return wrong;
}

}  // namespace

TEST_CASE("memtable: gets beside a writer see what their sequence may see, found or not") {
  for (const Shape shape : {Shape::decimal, Shape::url, Shape::sequential}) {
    const Plan plan(shape, 20'000, 6000, 1);
    const auto table = make_memtable(std::size_t{8} << 20);
    CHECK(run(plan, *table, {read_keys, read_batch}) == 0);
  }
}

TEST_CASE("memtable: walks beside a writer see exactly their sequence, in both directions") {
  for (const Shape shape : {Shape::big_endian, Shape::shared_prefix}) {
    const Plan plan(shape, 12'000, 4000, 2);
    const auto table = make_memtable(std::size_t{8} << 20);
    CHECK(run(plan, *table, {walk_some, seek_some}) == 0);
  }
}

TEST_CASE("memtable: writers stage at once, one links at a time, and all is there in the end") {
  constexpr std::uint64_t kThreads = 3;
  constexpr std::uint64_t kWrites = 3000;
  const auto table = make_memtable(std::size_t{8} << 20);
  base::Mutex mutex;
  std::uint64_t sequence = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kWrites; ++i) {
        Memtable::Staged staged(*table);
        // Some keys are everybody's.
        const std::string key = i % 3 == 0 ? decimal(i) : decimal(i) + std::to_string(t);
        if (!staged.put(key, std::to_string(t))) return;
        const base::MutexLock lock(mutex);
        table->link(std::move(staged), Sequence(++sequence));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(sequence == kThreads * kWrites);
  CHECK(table->usage().keys == kWrites / 3 + kThreads * (kWrites - kWrites / 3));
  for (std::uint64_t i = 0; i < kWrites; ++i) {
    const auto entry = table->get(i % 3 == 0 ? decimal(i) : decimal(i) + "0", Sequence(sequence));
    REQUIRE(entry);
  }
}
