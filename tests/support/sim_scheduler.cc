// Who runs next.
#include "support/sim_scheduler.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <thread>

#include "io/complete.h"
#include "support/quiet.h"

namespace siltstone::support {

namespace {

// A thread that comes back to the same switch point this often waits for another one: it may not
// keep the others from running by its priority.
constexpr std::uint32_t kSpins = 20;
// Nobody may go on for ever; a Channel gives up on a queue that moves nothing before this.
constexpr std::uint32_t kEndlessSpins = 2 * io::Channel::kMaxStalls;
constexpr std::uint64_t kUnbrokenSteps = 2000;

/// While one lives, this thread and those it starts stay on one CPU, where passing the baton is a
/// switch and not a wake-up of another CPU. Where that is refused, things are slower, not wrong.
class OneCpu {
 public:
  OneCpu() noexcept {
    if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(std::max(0, sched_getcpu())), &here);
    pinned_ = sched_setaffinity(0, sizeof here, &here) == 0;
  }
  ~OneCpu() {
    if (pinned_) sched_setaffinity(0, sizeof before_, &before_);
  }
  OneCpu(const OneCpu&) = delete;
  OneCpu& operator=(const OneCpu&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

}  // namespace

struct SimScheduler::Thread {
  enum class State : std::uint8_t { runnable, blocked, ended };

  std::string name;
  std::function<void()> body;
  bool background = false;
  std::uint64_t priority = 0;
  State state = State::runnable;
  const void* key = nullptr;
  io::Time deadline = io::kNever;
  const char* where = "start";
  std::uint32_t spins = 0;
  Baton baton;
  std::thread thread;
};

namespace {

thread_local SimScheduler* scheduler_here = nullptr;
thread_local void* thread_here = nullptr;

}  // namespace

SimSchedulerOptions SimSchedulerOptions::from_seed(std::uint64_t seed) {
  Rng rng(seed);
  SimSchedulerOptions options;
  options.policy = rng.coin() ? Policy::uniform : Policy::pct;
  options.depth = static_cast<std::uint32_t>(rng.between(1, 4));
  options.expected_steps = 1ULL << rng.between(2, 12);
  return options;
}

SimScheduler::SimScheduler(std::uint64_t seed, SimSchedulerOptions options, SimClock& clock,
                           SimTrace& trace)
    : options_(std::move(options)),
      clock_(clock),
      trace_(trace),
      rng_(Rng(seed).fork(0x5c4ed)),
      lowest_priority_(1ULL << 32) {
  for (std::uint32_t i = 1; i < options_.depth; ++i) {
    changes_.push_back(rng_.below(options_.expected_steps));
  }
}

SimScheduler::~SimScheduler() = default;

SimScheduler* SimScheduler::current() noexcept { return scheduler_here; }

void SimScheduler::spawn(std::string name, std::function<void()> body, bool background) {
  auto thread = std::make_unique<Thread>();
  Thread& added = *thread;
  {
    const Quiet quiet;
    thread->name = std::move(name);
    thread->body = std::move(body);
    thread->background = background;
    thread->priority = lowest_priority_ + 1 + (rng_.next() >> 8);
    threads_.push_back(std::move(thread));
  }
  if (running_) start(added);
}

void SimScheduler::start(Thread& thread) {
  // Starting a thread orders it after its starter, and ThreadSanitizer shall know it.
  std::thread started([this, &thread] { body_of(thread); });
  const Quiet quiet;
  thread.thread = std::move(started);
}

void SimScheduler::body_of(Thread& thread) {
  thread.baton.take();
  base::current_scheduler = this;
  scheduler_here = this;
  thread_here = &thread;
  current_actor = thread.name.c_str();
  try {
    thread.body();
  } catch (...) {
    const Quiet quiet;
    if (exception_ == nullptr) exception_ = std::current_exception();
  }
  base::current_scheduler = nullptr;
  scheduler_here = nullptr;
  const Quiet quiet;
  thread.state = Thread::State::ended;
  thread.where = "the end";
  Thread* next = choose();
  (next != nullptr ? next->baton : driver_).pass();
}

SimScheduler::Outcome SimScheduler::run() {
  const OneCpu one_cpu;
  running_ = true;
  for (const auto& thread : threads_) start(*thread);
  {
    const Quiet quiet;
    Thread* first = choose();
    if (first != nullptr) {
      first->baton.pass();
      driver_.take();
    }
  }
  return finish();
}

SimScheduler::Outcome SimScheduler::finish() {
  for (auto& thread : threads_) {
    if (!thread->thread.joinable()) continue;
    if (thread->state == Thread::State::ended) {
      thread->thread.join();
    } else {
      // It sleeps in take(), for ever: its baton must stay.
      thread->thread.detach();
      happens_after(thread.get());
      static std::vector<std::unique_ptr<Thread>>& lost = *new std::vector<std::unique_ptr<Thread>>;
      lost.push_back(std::move(thread));
    }
  }
  threads_.clear();
  running_ = false;
  return {std::move(failure_), exception_, steps_};
}

void SimScheduler::yield(const char* where) noexcept {
  happens_before(thread_here);  // the end of the run, should this thread be left behind
  const Quiet quiet;
  step(*static_cast<Thread*>(thread_here), where);
}

void SimScheduler::block(const char* where, const void* key, io::Time deadline) noexcept {
  happens_before(thread_here);
  const Quiet quiet;
  if (rng_.chance(options_.spurious_wake_probability)) return;
  Thread& self = *static_cast<Thread*>(thread_here);
  self.state = Thread::State::blocked;
  self.key = key;
  self.deadline = deadline;
  step(self, where);
}

void SimScheduler::wake(const void* key, std::uint32_t count) noexcept {
  const Quiet quiet;
  std::vector<Thread*> sleeping;
  for (const auto& thread : threads_) {
    if (thread->state == Thread::State::blocked && thread->key == key) {
      sleeping.push_back(thread.get());
    }
  }
  for (; count > 0 && !sleeping.empty(); --count) {
    const auto chosen = sleeping.begin() + static_cast<std::ptrdiff_t>(rng_.below(sleeping.size()));
    (*chosen)->state = Thread::State::runnable;
    sleeping.erase(chosen);
  }
}

void SimScheduler::sleep_until(io::Time time) noexcept {
  while (clock_.now() < time) block("sleep", thread_here, time);
}

/// A switch point, with the state of `self` set.
void SimScheduler::step(Thread& self, const char* where) noexcept {
  note(self, where);
  clock_.advance(options_.step_time);
  const bool dropped = std::find(changes_.begin(), changes_.end(), steps_) != changes_.end();
  if (dropped || self.spins > kSpins || unbroken_ > kUnbrokenSteps) {
    self.priority = --lowest_priority_;
    unbroken_ = 0;
  }
  if (++steps_ > options_.max_steps && failure_.empty()) failure_ = report("no end in sight");
  hand_over(self);
}

void SimScheduler::note(Thread& self, const char* where) noexcept {
  self.spins = self.where == where ? self.spins + 1 : 0;
  self.where = where;
}

void SimScheduler::hand_over(Thread& self) noexcept {
  Thread* next = choose();
  if (next == &self) {
    ++unbroken_;
    return;
  }
  unbroken_ = 0;
  trace_.add(clock_.now(), "switch", self.where, 0, 0, 0);
  (next != nullptr ? next->baton : driver_).pass();
  self.baton.take();
}

/// The thread to run; null when all have ended, or the run has failed.
SimScheduler::Thread* SimScheduler::choose() noexcept {
  while (failure_.empty()) {
    expire();
    std::vector<Thread*> runnable;
    bool all_ended = true;
    bool all_spin = true;
    bool for_ever = true;
    for (const auto& thread : threads_) {
      all_ended &= thread->state == Thread::State::ended;
      if (thread->state != Thread::State::runnable) continue;
      runnable.push_back(thread.get());
      all_spin &= thread->spins > kSpins;
      for_ever &= thread->spins > kEndlessSpins;
    }
    if (all_ended) return nullptr;
    const bool callers_left = std::any_of(threads_.begin(), threads_.end(), [](const auto& thread) {
      return !thread->background && thread->state != Thread::State::ended;
    });
    if (!callers_left && !winding_down_) {
      wind_down();
      continue;
    }
    // Those who spin wait for somebody who sleeps: time passes for them too.
    const io::Time next = earliest_deadline();
    if (all_spin && next != io::kNever) {
      clock_.advance_to(next);
      expire();
    }
    if (!runnable.empty() && !(for_ever && next == io::kNever)) return pick(runnable);
    if (next == io::kNever) failure_ = report(runnable.empty() ? "deadlock" : "everybody spins");
  }
  return nullptr;
}

SimScheduler::Thread* SimScheduler::pick(const std::vector<Thread*>& runnable) noexcept {
  if (runnable.size() == 1) return runnable[0];
  if (options_.policy == Policy::pct) {
    return *std::max_element(runnable.begin(), runnable.end(),
                             [](Thread* a, Thread* b) { return a->priority < b->priority; });
  }
  std::vector<Thread*> fed;
  for (Thread* thread : runnable) {
    const bool starved =
        options_.policy == Policy::starve && thread->name.starts_with(options_.starved);
    if (!starved && !(options_.policy == Policy::starve && thread->spins > kSpins)) {
      fed.push_back(thread);
    }
  }
  const auto& candidates = fed.empty() ? runnable : fed;
  return candidates[rng_.below(candidates.size())];
}

/// Lets run whose deadline has passed.
void SimScheduler::expire() noexcept {
  const io::Time now = clock_.now();
  for (const auto& thread : threads_) {
    if (thread->state == Thread::State::blocked && thread->deadline <= now) {
      thread->state = Thread::State::runnable;
    }
  }
}

io::Time SimScheduler::earliest_deadline() const noexcept {
  io::Time earliest = io::kNever;
  for (const auto& thread : threads_) {
    if (thread->state == Thread::State::blocked) earliest = std::min(earliest, thread->deadline);
  }
  return earliest;
}

void SimScheduler::wind_down() noexcept {
  winding_down_ = true;
  for (const auto& thread : threads_) {
    if (thread->state == Thread::State::blocked) thread->state = Thread::State::runnable;
  }
}

std::string SimScheduler::report(std::string_view what) const {
  std::string text = fmt::format("{} after {} switch points:\n", what, steps_);
  for (const auto& thread : threads_) {
    const bool blocked = thread->state == Thread::State::blocked;
    const char* does = thread->state == Thread::State::ended ? "is at"
                       : blocked                             ? "sleeps in"
                                                             : "spins in";
    text += fmt::format("  {:<12} {} {}\n", thread->name, does, thread->where);
  }
  return text;
}

}  // namespace siltstone::support
