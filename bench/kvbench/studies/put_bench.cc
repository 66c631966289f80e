// See put_bench.h.
#include "studies/put_bench.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "base/try.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

// Everything is in memory in this version; mapped as it is used.
constexpr std::uint64_t kMemtableBytes = std::uint64_t{8} << 30;

}  // namespace

/// One thread of run_threads().
struct PutBench::Lane {
  std::uint64_t first = 0;  // position of its first key
  std::uint64_t puts = 0;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
  Result<void> outcome;
  base::Histogram latency;
};

PutBench::PutBench(WorkDir dir, Db db) : dir_(std::move(dir)), db_(std::move(db)) {}

Result<std::unique_ptr<PutBench>> PutBench::make(const StudySettings& settings,
                                                 Configure configure) {
  auto dir = SILT_TRY(WorkDir::create(settings.dir, "puts", settings.keep));
  auto builder = Db::builder(dir.path());
  builder.compression(Compression::none).memtable_bytes(kMemtableBytes);
  configure(builder);
  auto db = SILT_TRY(builder.build());
  return std::unique_ptr<PutBench>(new PutBench(std::move(dir), std::move(db)));
}

Result<Commit> PutBench::put(const WriteOptions& options) {
  const std::uint64_t number = order_.key_at(position_++);
  return db_.put(writer_.write(number), values_.of(number), options);
}

Result<Commit> PutBench::put_batch(std::uint64_t count) {
  batch_.clear();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t number = order_.key_at(position_++);
    SILT_TRY(batch_.put(writer_.write(number), values_.of(number)));
  }
  return db_.put_batch(batch_);
}

// Each lane takes every threads-th key from its first one on.
Result<void> PutBench::run_lane(Lane& lane, unsigned threads, double seconds) {
  KeyWriter writer(kKeyBytes);
  lane.begin_ns = lane.end_ns = now_ns();
  const auto duration_ns = static_cast<std::uint64_t>(seconds * 1e9);
  while (lane.end_ns - lane.begin_ns < duration_ns) {
    const std::uint64_t number = order_.key_at(lane.first + lane.puts * threads);
    const std::uint64_t before = lane.end_ns;
    SILT_TRY(check_interrupt());
    SILT_TRY(db_.put(writer.write(number), values_.of(number)));
    lane.end_ns = now_ns();
    lane.latency.record(lane.end_ns - before);
    ++lane.puts;
  }
  return {};
}

Result<PutBench::Threads> PutBench::run_threads(unsigned threads, double seconds) {
  std::vector<Lane> lanes(threads);
  {
    std::vector<std::jthread> running;
    for (unsigned i = 0; i < threads; ++i) {
      lanes[i].first = position_ + i;
      running.emplace_back([this, &lane = lanes[i], threads, seconds] {
        lane.outcome = run_lane(lane, threads, seconds);
      });
    }
  }
  Threads result;
  std::uint64_t puts = 0;
  std::uint64_t most = 0;
  for (const Lane& lane : lanes) {
    SILT_TRY(lane.outcome);
    puts += lane.puts;
    most = std::max(most, lane.puts);
    result.latency.merge(lane.latency);
  }
  position_ += most * threads;
  const std::uint64_t begin = std::ranges::min_element(lanes, {}, &Lane::begin_ns)->begin_ns;
  const std::uint64_t end = std::ranges::max_element(lanes, {}, &Lane::end_ns)->end_ns;
  result.puts_per_second = static_cast<double>(puts) * 1e9 / static_cast<double>(end - begin);
  return result;
}

}  // namespace siltstone::kvbench
