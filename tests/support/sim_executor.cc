// Steps, one at a time.
#include "support/sim_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "support/quiet.h"

namespace siltstone::support {

namespace {

constexpr io::Duration kStepTime{1000};

}  // namespace

class SimExecutor::SimWorker final : public io::Worker {
 public:
  SimWorker(SimExecutor& owner, std::string name, io::Task& work)
      : executor(owner), label(std::move(name)), task(work) {
    executor.workers_.push_back(this);
  }
  ~SimWorker() override {
    stop();
    std::erase(executor.workers_, this);
  }

  void wake() noexcept override {
    SimScheduler* scheduler = SimScheduler::current();
    if (scheduler != nullptr) scheduler->yield("wake worker");
    const Quiet quiet;
    woken = true;
    if (scheduler != nullptr) scheduler->wake(this, 1);
  }

  void stop() noexcept override {
    SimScheduler* scheduler = SimScheduler::current();
    if (scheduler != nullptr) scheduler->yield("stop worker");
    quietly([this] { stopped = true; });
    if (scheduler == nullptr && stepping) {
      fmt::print(stderr, "the worker {} is stopped from its own step\n", label);
      std::abort();
    }
    if (scheduler == nullptr) return;
    scheduler->wake(this, 1);
    while (quietly([this] { return attached; })) {
      scheduler->block("join worker", &attached, io::kNever);
    }
    happens_after(this);
  }

  [[nodiscard]] bool wants_step(io::Time now) const noexcept {
    return !stopped && !stepping && (woken || next <= now);
  }

  SimExecutor& executor;
  const std::string label;
  io::Task& task;
  io::Time next = io::Time::min();
  bool woken = false;
  bool stopped = false;
  bool stepping = false;
  bool attached = false;
};

SimExecutor::SimExecutor(std::uint64_t seed, SimClock& clock, SimTrace& trace)
    : clock_(clock), trace_(trace), rng_(Rng(seed).fork(0xe8ec)) {}

SimExecutor::~SimExecutor() = default;

void SimExecutor::refuse_start(std::uint64_t n, int error) noexcept {
  refused_start_ = starts_ + n;
  refusal_ = error;
}

Result<std::unique_ptr<io::Worker>> SimExecutor::start(std::string_view name, int /*nice*/,
                                                       io::Task& task) {
  if (starts_++ == refused_start_) return base::fail_os(refusal_, "start thread");
  auto worker = std::make_unique<SimWorker>(*this, std::string(name), task);
  if (SimScheduler* scheduler = SimScheduler::current()) attach(*scheduler, *worker);
  return worker;
}

void SimExecutor::run_step(SimWorker& worker) {
  const char* outer = current_actor;
  {
    const Quiet quiet;
    worker.woken = false;
    worker.stepping = true;
    current_actor = worker.label.c_str();
  }
  const io::Time next = worker.task.step();
  const Quiet quiet;
  trace_.add(clock_.now(), "step");
  current_actor = outer;
  worker.next = next;
  worker.stepping = false;
  clock_.advance(kStepTime);
}

bool SimExecutor::pump() {
  std::vector<SimWorker*> ready;
  for (SimWorker* worker : workers_) {
    if (worker->wants_step(clock_.now())) ready.push_back(worker);
  }
  if (ready.empty()) return false;
  run_step(*ready[rng_.below(ready.size())]);
  return true;
}

std::uint64_t SimExecutor::pump(std::uint64_t steps) {
  std::uint64_t done = 0;
  while (done < steps && pump()) ++done;
  return done;
}

void SimExecutor::pump_until(io::Time time) {
  while (clock_.now() < time) {
    if (!pump()) clock_.advance_to(std::min(time, next_step()));
  }
}

io::Time SimExecutor::next_step() const noexcept {
  io::Time next = io::kNever;
  for (const SimWorker* worker : workers_) {
    if (worker->stopped || worker->stepping) continue;
    next = std::min(next, worker->woken ? io::Time::min() : worker->next);
  }
  return next;
}

void SimExecutor::join(SimScheduler& scheduler) {
  for (SimWorker* worker : workers_) {
    if (!worker->stopped) attach(scheduler, *worker);
  }
}

void SimExecutor::attach(SimScheduler& scheduler, SimWorker& worker) {
  worker.attached = true;
  scheduler.spawn(worker.label, [this, &scheduler, &worker] { loop(scheduler, worker); }, true);
}

/// The thread of a worker. What it reads of the worker is handed over with the baton.
void SimExecutor::loop(SimScheduler& scheduler, SimWorker& worker) {
  const auto ends = [&] {
    const Quiet quiet;
    return worker.stopped || scheduler.winding_down();
  };
  const auto wants_step = [&] {
    const Quiet quiet;
    return worker.wants_step(clock_.now());
  };
  while (!ends()) {
    if (wants_step()) {
      run_step(worker);
      scheduler.yield("step done");
    } else {
      scheduler.block("idle", &worker, worker.next);
    }
  }
  happens_before(&worker);
  const Quiet quiet;
  worker.attached = false;
  scheduler.wake(&worker.attached, 1);
}

}  // namespace siltstone::support
