// The seam for threads: every thread the engine runs is a worker that loops over the steps of one
// task. In tests the steps of all workers run on one thread in an order drawn from a seed.
#pragma once

#include <memory>
#include <string_view>

#include <siltstone/error.h>

#include "io/clock.h"

namespace siltstone::io {

/// Background work as bounded steps (about 1 ms or 256 KiB each) that never block on the device:
/// they submit and poll.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  /// Does one step and says when it wants the next one: Time::min() at once, kNever when woken.
  /// A wake() that comes during the step is not lost.
  [[nodiscard]] virtual Time step() noexcept = 0;
};

/// A running worker. Destruction stops it.
class Worker {
 public:
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  virtual ~Worker() = default;

  /// Makes the next step run soon. Thread-safe.
  virtual void wake() noexcept = 0;
  /// Lets the step under way end, runs no further one, and waits for the thread. Idempotent.
  virtual void stop() noexcept = 0;
};

/// Thread-safe.
class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  /// Starts a worker with this thread name (at most 15 characters) and nice value above the
  /// process's, all signals blocked. `task` must outlive the worker.
  [[nodiscard]] virtual Result<std::unique_ptr<Worker>> start(std::string_view name, int nice,
                                                              Task& task) = 0;
};

/// Kernel threads. Lives for ever.
[[nodiscard]] Executor& system_executor() noexcept;

}  // namespace siltstone::io
