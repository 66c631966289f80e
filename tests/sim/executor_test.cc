// Workers: their steps run when wanted, one wake is one more step, and stopping waits.
#include "support/sim_executor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <set>

#include <doctest/doctest.h>

#include "support/simulation.h"

using namespace siltstone;
using namespace siltstone::support;
using namespace std::chrono_literals;

namespace {

struct Steps final : io::Task {
  explicit Steps(std::function<io::Time()> f) : body(std::move(f)) {}
  io::Time step() noexcept override {
    ++count;
    return body();
  }
  std::function<io::Time()> body;
  std::atomic<int> count{0};
};

}  // namespace

TEST_CASE("executor: a step is run at once, then when woken, and a wake during a step is kept") {
  Simulation sim(1);
  io::Worker* self = nullptr;
  Steps task([&] {
    if (task.count == 2) self->wake();
    return io::kNever;
  });
  const auto worker = sim.executor().start("worker", 0, task).value();
  self = worker.get();
  CHECK(task.count == 0);
  CHECK(sim.executor().pump(10) == 1);
  CHECK(sim.executor().next_step() == io::kNever);
  worker->wake();
  worker->wake();
  CHECK(sim.executor().pump(10) == 2);
  CHECK(task.count == 3);
}

TEST_CASE("executor: timers run when time comes to them") {
  Simulation sim(1);
  SimClock& clock = sim.clock();
  Steps every_second([&] { return clock.now() + 1s; });
  Steps every_minute([&] { return clock.now() + 1min; });
  const auto a = sim.executor().start("a", 0, every_second).value();
  const auto b = sim.executor().start("b", 0, every_minute).value();
  sim.executor().pump_until(clock.now() + 1h);
  CHECK(every_second.count >= 3590);
  CHECK(every_second.count <= 3601);
  CHECK(every_minute.count == 60);
}

TEST_CASE("executor: whoever waits without a scheduler runs the steps it waits for") {
  Simulation sim(1);
  std::atomic<std::uint32_t> word{0};
  Steps task([&] {
    if (task.count < 5) return sim.clock().now() + 1ms;
    word = 1;
    sim.parker().wake(word, io::kWakeAll);
    return io::kNever;
  });
  const auto worker = sim.executor().start("worker", 0, task).value();
  while (word == 0) sim.parker().wait(word, 0, io::kNever);
  CHECK(task.count == 5);
  // A wait for what never comes ends at its deadline, in no time.
  const io::Time deadline = sim.clock().now() + 1h;
  sim.parker().wait(word, 1, deadline);
  CHECK(sim.clock().now() == deadline);
}

TEST_CASE("executor: a stopped worker does nothing, and a start can be refused") {
  Simulation sim(1);
  Steps task([] { return io::Time::min(); });
  sim.executor().refuse_start(1, EAGAIN);
  auto worker = sim.executor().start("worker", 0, task).value();
  CHECK(sim.executor().start("other", 0, task).error().os_error() == EAGAIN);
  CHECK(sim.executor().pump(3) == 3);
  worker->stop();
  worker->stop();
  worker->wake();
  CHECK_FALSE(sim.executor().pump());
  worker.reset();
  CHECK(sim.executor().workers() == 0);
}

TEST_CASE("executor: the order of the workers' steps follows the seed") {
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation sim(seed);
    std::string order;
    Steps a([&] { return order += 'a', io::Time::min(); });
    Steps b([&] { return order += 'b', io::Time::min(); });
    const auto first = sim.executor().start("a", 0, a).value();
    const auto second = sim.executor().start("b", 0, b).value();
    sim.executor().pump(4);
    orders.insert(order);
  }
  CHECK(orders.size() > 10);
}

TEST_CASE("executor: under a scheduler, steps interleave with callers and with each other") {
  std::set<std::string> orders;
  for_each_seed(60, [&](std::uint64_t seed) {
    Simulation sim(seed, {}, SimSchedulerOptions{});
    std::string order;
    const auto part = [&](char c) {
      quietly([&] { order += c; });
      base::current_scheduler->yield("in step");
      quietly([&] { order += c; });
    };
    Steps a([&] { return part('a'), io::kNever; });
    Steps b([&] { return part('b'), io::kNever; });
    const auto first = sim.executor().start("a", 0, a).value();
    std::unique_ptr<io::Worker> second;
    sim.spawn("caller", [&] {
      second = sim.executor().start("b", 0, b).value();
      part('c');
      while (a.count == 0 || b.count == 0) base::current_scheduler->yield("until both ran");
    });
    sim.run();
    CHECK(order.size() == 6);
    orders.insert(order);
    // The workers outlive the run, and go on without a scheduler.
    first->wake();
    second.reset();
    CHECK(sim.executor().next_step() == io::Time::min());
  });
  CHECK(orders.size() > 20);
  CHECK(std::any_of(orders.begin(), orders.end(), [](const std::string& order) {
    return std::set<char>(order.begin(), order.begin() + 3).size() == 3;
  }));
}

TEST_CASE("executor: stopping waits for the step under way, in every schedule") {
  for_each_seed(100, [](std::uint64_t seed) {
    Simulation sim(seed);
    bool stepping = false;
    int steps_after_stop = 0;
    bool stopped = false;
    Steps task([&] {
      stepping = true;
      steps_after_stop += stopped ? 1 : 0;
      for (int i = 0; i < 3; ++i) base::current_scheduler->yield("in step");
      stepping = false;
      return io::Time::min();
    });
    sim.spawn("caller", [&] {
      auto worker = sim.executor().start("worker", 0, task).value();
      for (int i = 0; i < 5; ++i) base::current_scheduler->yield("caller");
      worker->stop();
      stopped = true;
      CHECK_FALSE(stepping);
      base::current_scheduler->yield("caller");
    });
    sim.run();
    CHECK(steps_after_stop == 0);
  });
}

TEST_CASE("simulation: a seed decides the entropy too; the wall clock can be set") {
  const auto draw = [](std::uint64_t seed) {
    Simulation sim(seed);
    Bytes bytes(16);
    sim.environment().entropy->fill(bytes);
    return bytes;
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
  Simulation sim(1);
  const std::int64_t wall = sim.clock().wall_ms();
  sim.clock().advance(1s);
  sim.clock().step_wall(-3'600'000);
  CHECK(sim.clock().wall_ms() == wall - 3'599'000);
}

TEST_CASE("property: the repro line names the program, this case and the seed") {
  const std::string line = repro(17);
  CHECK(
      line.find("sim_tests --test-case=\"property: the repro line names the program? this case") !=
      std::string::npos);
  CHECK(line.ends_with("\" --seed=17"));
}
