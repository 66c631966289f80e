// The kernel's executor, threads, parker, clock and random numbers.
#include "io/executor.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "io/deny.h"
#include "io/environment.h"
#include "io/scratch.h"
#include "io/soon.h"

using namespace siltstone;
using namespace siltstone::io;
using namespace std::chrono_literals;

namespace {

/// Counts its steps and asks for the next one when told to.
struct CountingTask final : Task {
  std::atomic<int> steps{0};
  std::atomic<Time> next{kNever};

  Time step() noexcept override {
    steps.fetch_add(1);
    return next.load();
  }
};

}  // namespace

TEST_CASE("executor: a worker steps at its start, when woken, and not otherwise") {
  CountingTask task;
  auto worker = system_executor().start("silt-test", 0, task).value();
  CHECK(soon([&] { return task.steps == 1; }));
  for (int i = 2; i < 100; ++i) {
    worker->wake();
    CHECK(soon([&] { return task.steps == i; }));
  }
  std::this_thread::sleep_for(20ms);
  CHECK(task.steps == 99);
}

TEST_CASE("executor: a worker that wants the next step at once gets it") {
  CountingTask task;
  task.next = Time::min();
  auto worker = system_executor().start("silt-test", 0, task).value();
  CHECK(soon([&] { return task.steps > 1000; }));
}

TEST_CASE("executor: a timer fires when its time has come, and not before") {
  struct TimedTask final : Task {
    std::atomic<int> steps{0};
    Time due{};
    std::atomic<bool> early{false};
    Time step() noexcept override {
      const Time now = system_clock().now();
      if (steps.fetch_add(1) > 0 && now < due) early = true;
      return due = now + 5ms;
    }
  } task;
  auto worker = system_executor().start("silt-test", 0, task).value();
  CHECK(soon([&] { return task.steps >= 5; }));
  worker->stop();
  CHECK(!task.early);
}

TEST_CASE("executor: J11 a wake during a step is not lost") {
  struct SlowTask final : Task {
    std::atomic<int> asked{0};
    std::atomic<int> seen{0};
    Time step() noexcept override {
      seen = asked.load();
      return kNever;
    }
  } task;
  auto worker = system_executor().start("silt-test", 0, task).value();
  for (int i = 1; i <= 20'000; ++i) {
    task.asked = i;
    worker->wake();
    if (i % 64 == 0) REQUIRE(soon([&] { return task.seen == i; }));
  }
}

TEST_CASE("executor: J12 after stop() there are no more steps") {
  CountingTask task;
  task.next = Time::min();
  auto worker = system_executor().start("silt-test", 0, task).value();
  CHECK(soon([&] { return task.steps > 0; }));
  worker->stop();
  const int steps = task.steps;
  worker->wake();
  worker->stop();
  std::this_thread::sleep_for(5ms);
  CHECK(task.steps == steps);
}

TEST_CASE("executor: a worker has its name, its nice value, and all signals blocked") {
  struct LookingTask final : Task {
    std::atomic<bool> done{false};
    std::string name;
    int nice = 0;
    bool all_blocked = true;
    Time step() noexcept override {
      name = slurp("/proc/thread-self/comm");
      nice = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
      sigset_t blocked;
      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGXFSZ, SIGPIPE}) {
        all_blocked = all_blocked && sigismember(&blocked, number) == 1;
      }
      done = true;
      return kNever;
    }
  } task;
  sigset_t none;
  sigset_t after;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  auto worker = system_executor().start("fifteen-letters", 10, task).value();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  CHECK(soon([&] { return task.done.load(); }));
  CHECK(task.name == "fifteen-letters\n");
  CHECK(task.nice == std::min(19, getpriority(PRIO_PROCESS, static_cast<id_t>(getpid())) + 10));
  CHECK(task.all_blocked);
  CHECK(sigismember(&after, SIGINT) == 0);
}

TEST_CASE("executor: G6 a thread that cannot be had is an error") {
  CountingTask task;
  std::optional<Error> error;
  const bool denied = with_denied({{SYS_clone3, EAGAIN}, {SYS_clone, EAGAIN}}, [&] {
    auto worker = system_executor().start("silt-test", 0, task);
    if (!worker) error = worker.error();
  });
  REQUIRE(denied);
  REQUIRE(error);
  CHECK(error->os_error() == EAGAIN);
  CHECK(task.steps == 0);
}

TEST_CASE("parker: a wait ends with a change before it, with its deadline, or with a wake") {
  Parker& parker = system_parker();
  std::atomic<std::uint32_t> word{1};
  parker.wait(word, 0, kNever);

  const Time start = system_clock().now();
  parker.wait(word, 1, start - 1s);
  parker.wait(word, 1, Time::min());
  while (system_clock().now() < start + 10ms) parker.wait(word, 1, start + 10ms);
  CHECK(system_clock().now() >= start + 10ms);

  std::thread waker([&] {
    std::this_thread::sleep_for(2ms);
    word = 2;
    parker.wake(word, 1);
  });
  while (word == 1) parker.wait(word, 1, kNever);
  waker.join();
}

TEST_CASE("parker: waking all wakes all") {
  std::atomic<std::uint32_t> word{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 8; ++i) {
    waiters.emplace_back([&] {
      while (word == 0) system_parker().wait(word, 0, kNever);
    });
  }
  std::this_thread::sleep_for(2ms);
  word = 1;
  system_parker().wake(word, kWakeAll);
  for (std::thread& waiter : waiters) waiter.join();
}

TEST_CASE("clock: M1 one never goes back, the other tells the date in milliseconds") {
  Time last = system_clock().now();
  for (int i = 0; i < 1000; ++i) {
    const Time now = system_clock().now();
    REQUIRE(now >= last);
    last = now;
  }
  const std::int64_t before = std::int64_t{time(nullptr)} * 1000;
  const std::int64_t wall = system_clock().wall_ms();
  CHECK(wall >= before);
  CHECK(wall < before + 60'000);
}

TEST_CASE("entropy: no two fills are alike, also where the kernel gives none") {
  std::set<std::array<std::byte, 16>> seen;
  const auto fill_some = [&] {
    for (int i = 0; i < 100; ++i) {
      std::array<std::byte, 16> bytes{};
      system_entropy().fill(bytes);
      CHECK(seen.insert(bytes).second);
    }
  };
  fill_some();
  REQUIRE(with_denied({{SYS_getrandom, ENOSYS}}, fill_some));
  CHECK(seen.size() == 200);
}

TEST_CASE("entropy: it fills all it is given, and nothing else") {
  for (std::size_t length = 0; length < 40; ++length) {
    // A byte that stays zero in eight fills was not filled.
    std::vector<std::byte> touched(length + 1);
    for (int round = 0; round < 8; ++round) {
      std::vector<std::byte> bytes(length + 1);
      system_entropy().fill(std::span(bytes).first(length));
      for (std::size_t i = 0; i <= length; ++i) touched[i] |= bytes[i];
    }
    for (std::size_t i = 0; i < length; ++i) CHECK(touched[i] != std::byte{0});
    CHECK(touched[length] == std::byte{0});
  }
}

TEST_CASE("environment: the system's has all its parts") {
  const Environment environment = system_environment();
  CHECK(environment.storage != nullptr);
  CHECK(environment.clock == &system_clock());
  CHECK(environment.executor == &system_executor());
  CHECK(environment.parker == &system_parker());
  CHECK(environment.entropy == &system_entropy());
}
