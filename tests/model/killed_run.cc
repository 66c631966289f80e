// The parent draws the moment and waits; the child is the session.
#include "model/killed_run.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "db/access.h"
#include "model/journal.h"
#include "model/session.h"
#include "support/temp_dir.h"

namespace siltstone::model {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// How a process ends.
struct End {
  bool is_kill = true;
  std::uint64_t after = 0;  ///< So many actions; none: while it opens.
  microseconds delay{0};    ///< And this time.
};

End draw_end(support::Rng& rng) {
  if (rng.below(6) == 0) return {true, 0, microseconds(rng.between(1, 5000))};
  return {true, rng.between(1, 80), microseconds(rng.coin() ? 0 : rng.below(500))};
}

/// Returns soon, if at all.
void die_in(microseconds delay) {
  if (delay == microseconds(0)) static_cast<void>(raise(SIGKILL));
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  itimerspec at{};
  at.it_value.tv_nsec = std::chrono::nanoseconds(delay).count();
  const bool is_set = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
                      timer_settime(timer, 0, &at, nullptr) == 0;
  if (!is_set) throw std::runtime_error("timer_create");
}

class KilledRun final : public Session {
 public:
  KilledRun(std::uint64_t seed, std::string dir)
      : Session(seed, std::move(dir), /*with_clients=*/false), all_writes_(writes_) {}

  /// In the parent.
  void execute(std::uint64_t kills) {
    const support::Rng rng = rng_;
    for (std::uint64_t process = 0; process <= kills; ++process) {
      rng_ = rng.fork(process);
      writes_ = all_writes_.for_client(process);
      settings_.durability = only_mode_ ? *only_mode_ : draw_mode();
      settings_.io_backend = rng_.coin() ? IoBackend::uring : IoBackend::posix;
      settings_.sync_interval = milliseconds(rng_.between(1, 20));
      end_ = draw_end(rng_);
      end_.is_kill = process != kills;
      done_ = process;
      run_process();
      report.crashes += end_.is_kill ? 1 : 0;
    }
  }

 private:
  [[nodiscard]] io::Environment environment() noexcept override {
    io::Environment system = io::system_environment();
    system.clock = &journal_.clock();
    return system;
  }
  [[nodiscard]] bool in_trouble() const noexcept override { return false; }
  void step_wall(std::int64_t by_ms) override { journal_.clock().step_wall(by_ms); }
  void recover() override;
  void act_on_machine(Action action) override;
  void learn(Event event) override {
    journal_.add(event);
    Session::learn(std::move(event));
  }

  void run_process();
  [[noreturn]] void be_the_child();
  void follow();
  void idle();

  const Writes all_writes_;  // those of each process are numbered apart
  Journal journal_;
  End end_;  // of the process at hand
};

void KilledRun::run_process() {
  journal_.clear();
  const pid_t child = fork();
  if (child < 0) violation("fork failed");
  if (child == 0) be_the_child();
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  if (!journal_.violation().empty()) violation(std::string(journal_.violation()));
  const bool as_planned = end_.is_kill ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                                       : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!as_planned) violation(fmt::format("it ended with status {:#x}", status));
  follow();
}

/// The oracle becomes what the child's was; what was under way is undecided.
void KilledRun::follow() {
  journal_.replay([this](Event event) {
    report.opens += event.kind == Event::Kind::settled ? 1 : 0;
    report.writes += event.kind == Event::Kind::acknowledged ? 1 : 0;
    Session::learn(std::move(event));
  });
  while (!under_way_.empty()) Session::learn({Event::Kind::undecided});
}

void KilledRun::be_the_child() {
  done_ = 0;
  int status = 1;
  try {
    if (end_.is_kill && end_.after == 0) die_in(end_.delay);
    recover();
    while (done_ < end_.after) step();
    if (end_.is_kill && end_.after != 0) die_in(end_.delay);
    while (end_.is_kill) step();
    expect_ok(db_->close(), "the last close");
    learn({Event::Kind::durable, UINT64_MAX});
    status = 0;
  } catch (const std::exception& wrong) {
    journal_.add_violation(fmt::format("operation {}: {}", done_, wrong.what()));
  }
  _exit(status);
}

void KilledRun::recover() {
  release_all();
  db_.reset();
  auto opened = db::Access::open(settings_, environment());
  if (!opened) violation("an open: " + opened.error().to_string());
  db_.emplace(std::move(*opened));
  settle();
}

void KilledRun::act_on_machine(Action action) {
  switch (action) {
    case Action::durable: return do_write(writes_.put(rng_), {.durable = true});
    case Action::idle: return idle();
    case Action::kill:
      if (end_.is_kill) static_cast<void>(raise(SIGKILL));
      return;
    default: return;  // a real machine does not fail when it is told to
  }
}

void KilledRun::idle() {
  const std::uint64_t time = rng_.below(3000);
  step_wall(static_cast<std::int64_t>(time));
  std::this_thread::sleep_for(microseconds(time));
  learn_durable();
}

}  // namespace

RunReport run_killed(std::uint64_t seed, std::uint64_t kills) {
  const support::TempDir tmp;
  KilledRun killed(seed, tmp / "db");
  try {
    killed.execute(kills);
  } catch (const Violation& violation) {
    killed.report.violation = fmt::format("process {}: {}", killed.done(), violation.what());
  }
  return killed.report;
}

}  // namespace siltstone::model
