// The order of a measurement: sessions and threads are made, the counters read, the threads let go
// all at once, waited for, and the counters read again.
#include "runner.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "common/interrupt.h"
#include "counters.h"
#include "progress.h"
#include "stopwatch.h"
#include "worker.h"

namespace siltstone::kvbench {
namespace {

/// A thread of the workload, with its own session.
struct Lane {
  std::unique_ptr<Session> session;
  std::unique_ptr<Worker> worker;
  Result<void> outcome;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
};

Result<std::vector<Lane>> make_lanes(Store& store, const Task& task) {
  std::vector<Lane> lanes;
  for (unsigned thread = 0; thread < task.settings.threads; ++thread) {
    Lane lane;
    lane.session = SILT_TRY(store.session());
    lane.worker = std::make_unique<Worker>(task, *lane.session, thread, task.settings.threads);
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

/// Runs all lanes at once and returns the seconds from the start of the first to the end of the
/// last, by their own clocks: this thread may be woken late.
double run_lanes(std::vector<Lane>& lanes, std::atomic<bool>& stop) {
  std::latch ready(static_cast<std::ptrdiff_t>(lanes.size()));
  std::vector<std::jthread> threads;
  threads.reserve(lanes.size());
  for (Lane& lane : lanes) {
    threads.emplace_back([&lane, &ready, &stop] {
      ready.arrive_and_wait();
      lane.begin_ns = now_ns();
      lane.outcome = lane.worker->run();
      lane.end_ns = now_ns();
      if (!lane.outcome) stop.store(true, std::memory_order_relaxed);
    });
  }
  for (std::jthread& thread : threads) thread.join();
  const std::uint64_t begin = std::ranges::min_element(lanes, {}, &Lane::begin_ns)->begin_ns;
  const std::uint64_t end = std::ranges::max_element(lanes, {}, &Lane::end_ns)->end_ns;
  return static_cast<double>(end - begin) * 1e-9;
}

std::uint64_t expected_ops(const Workload& workload, const Settings& settings,
                           const KeyOrder& order) {
  switch (workload.kind) {
    case WorkloadKind::fill: return order.num();
    case WorkloadKind::read_seq: return order.num() * settings.threads;
    default: return settings.reads != 0 ? settings.reads : settings.num;
  }
}

void add_lane(Measurement& result, const Worker& worker) {
  result.tally.ops += worker.tally().ops;
  result.tally.found += worker.tally().found;
  result.tally.user_bytes += worker.tally().user_bytes;
  result.latency.merge(worker.sampler().latency());
  result.latency_samples += worker.sampler().samples();
}

}  // namespace

Runner::Runner(const Engine& engine, const Settings& settings, const Values& values)
    : engine_(engine), settings_(settings), values_(values) {}

Runner::~Runner() = default;

Result<Measurement> Runner::run(const Workload& workload) {
  if (workload.kind == WorkloadKind::fill) {
    SILT_TRY(finish());
    SILT_TRY(make_store(workload));
  }
  if (!filled_ || (workload.kind != WorkloadKind::fill && !filled_->complete)) {
    return std::unexpected(Error(ErrorCode::invalid_argument,
                                 fmt::format("{} needs a fill workload before it", workload.name)));
  }
  auto result = measure(workload);
  filled_->complete = result.has_value() && !tools::interrupted();
  return result;
}

Result<void> Runner::make_store(const Workload& workload) {
  auto dir = SILT_TRY(WorkDir::create(settings_.dir, engine_.name, settings_.keep));
  auto store = SILT_TRY(engine_.create(dir.path(), store_options(workload, settings_.store)));
  const std::uint64_t entries = fill_entries(workload, settings_.num);
  filled_.emplace(Filled{
      .dir = std::move(dir),
      .store = std::move(store),
      .order = workload.shuffled ? KeyOrder::shuffled(entries, settings_.seed)
                                 : KeyOrder::sequential(entries),
  });
  return {};
}

Result<Measurement> Runner::measure(const Workload& workload) {
  std::atomic<bool> stop{false};
  Progress progress(fmt::format("{} {}", engine_.name, workload.name),
                    expected_ops(workload, settings_, filled_->order));
  const Task task{settings_, engine_, workload, filled_->order, values_, progress, stop};
  auto lanes = SILT_TRY(make_lanes(*filled_->store, task));

  Measurement result;
  const bool peak_is_ours = reset_peak_rss();
  const auto syncs_before = filled_->store->syncs();
  const ProcessCounters before = read_process_counters();
  result.seconds = run_lanes(lanes, stop);
  const ProcessCounters after = read_process_counters();
  for (const Lane& lane : lanes) {
    if (!lane.outcome) return std::unexpected(lane.outcome.error());
    add_lane(result, *lane.worker);
  }

  result.cpu_seconds = after.cpu_seconds - before.cpu_seconds;
  if (peak_is_ours) result.peak_rss_bytes = read_peak_rss();
  if (!engine_.keeps_data) return result;
  result.entries = filled_->order.num();
  if (before.written_bytes && after.written_bytes) {
    result.written_bytes = *after.written_bytes - *before.written_bytes;
  }
  result.disk_bytes = disk_bytes(filled_->dir.path());
  const auto syncs_after = filled_->store->syncs();
  if (syncs_before && syncs_after) result.syncs = *syncs_after - *syncs_before;
  return result;
}

Result<void> Runner::finish() {
  if (!filled_) return {};
  const auto closed = filled_->store->close();
  filled_.reset();
  return closed;
}

}  // namespace siltstone::kvbench
