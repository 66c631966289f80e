// One thread of a workload: a closed loop, in which the next operation begins when the one before
// it has ended.
#pragma once

#include <atomic>
#include <cstdint>

#include <siltstone/error.h>

#include "engine.h"
#include "key_order.h"
#include "sampler.h"
#include "settings.h"
#include "values.h"
#include "workload.h"

namespace siltstone::kvbench {

class Progress;

/// What all threads of a workload share. Everything is borrowed.
struct Task {
  const Settings& settings;
  const Engine& engine;
  const Workload& workload;
  const KeyOrder& order;  ///< The keys that a fill writes, or that a read finds in the store.
  const Values& values;
  Progress& progress;
  std::atomic<bool>& stop;  ///< Set by the first worker that fails; the others end soon after.
};

/// What a worker did.
struct Tally {
  std::uint64_t ops = 0;         ///< Puts, gets or scanned entries.
  std::uint64_t found = 0;       ///< Gets that found their key.
  std::uint64_t user_bytes = 0;  ///< Keys and values, written or read.
};

/// Thread-bound.
class Worker {
 public:
  /// `thread` of `threads` takes every threads-th position of the order, or its share of the gets.
  Worker(const Task& task, Session& session, unsigned thread, unsigned threads);

  /// Runs the worker's share of the workload. A wrong answer of the engine is `corruption`.
  [[nodiscard]] Result<void> run();

  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  [[nodiscard]] const Sampler& sampler() const noexcept { return sampler_; }

 private:
  Result<void> fill();
  Result<void> fill_batches();
  template <bool missing>
  Result<void> read();
  Result<void> scan();

  /// Calls prepare(i), execute() and finish(answer) for i in [0, count); only execute() is timed.
  /// Each iteration is `ops` operations of the progress.
  template <typename Prepare, typename Execute, typename Finish>
  Result<void> closed_loop(std::uint64_t count, std::uint64_t ops, Prepare prepare, Execute execute,
                           Finish finish);
  /// How many of `total` things fall to this thread when they are dealt out in turn.
  [[nodiscard]] std::uint64_t share_of(std::uint64_t total) const noexcept;
  Result<void> check_answer(std::uint64_t number, std::string_view value) const;

  const Task& task_;
  Session& session_;
  const unsigned thread_;
  const unsigned threads_;
  Tally tally_;
  Sampler sampler_;
};

}  // namespace siltstone::kvbench
