// Workers on kernel threads. A worker's word says how it stands with wake-ups:
//
//   idle -> woken      wake() during a step: the next step follows at once
//   idle -> sleeping   the worker, after a step that wants to wait; woken again by wake() alone
//
// It is set to idle before each step, so a wake() that comes after that is never lost, whether the
// step saw its cause or not.
#include "io/executor.h"

#include <atomic>

#include "base/try.h"
#include "io/immortal.h"
#include "io/parker.h"
#include "io/thread.h"

namespace siltstone::io {
namespace {

class SystemWorker final : public Worker {
 public:
  explicit SystemWorker(Task& task) : task_(task) {}
  ~SystemWorker() override { stop(); }

  Result<void> start(std::string_view name, int nice) {
    thread_ = SILT_TRY(Thread::start(name, nice, &run, this));
    return {};
  }

  void wake() noexcept override {
    if (word_.exchange(kWoken) == kSleeping) system_parker().wake(word_, 1);
  }

  void stop() noexcept override {
    stopping_.store(true);
    wake();
    if (thread_ != nullptr) thread_->join();
  }

 private:
  static constexpr std::uint32_t kIdle = 0;
  static constexpr std::uint32_t kWoken = 1;
  static constexpr std::uint32_t kSleeping = 2;

  static void run(void* self) noexcept { static_cast<SystemWorker*>(self)->loop(); }

  void loop() noexcept {
    for (;;) {
      word_.exchange(kIdle);
      if (stopping_.load()) return;
      sleep_until(task_.step());
    }
  }

  void sleep_until(Time next) noexcept {
    if (next == Time::min()) return;
    std::uint32_t idle = kIdle;
    if (!word_.compare_exchange_strong(idle, kSleeping)) return;
    while (word_.load() == kSleeping && (next == kNever || system_clock().now() < next)) {
      system_parker().wait(word_, kSleeping, next);
    }
  }

  Task& task_;
  std::atomic<std::uint32_t> word_{kIdle};
  std::atomic<bool> stopping_{false};
  std::unique_ptr<Thread> thread_;
};

class SystemExecutor final : public Executor {
 public:
  Result<std::unique_ptr<Worker>> start(std::string_view name, int nice, Task& task) override {
    auto worker = std::make_unique<SystemWorker>(task);
    SILT_TRY(worker->start(name, nice));
    return worker;
  }
};

}  // namespace

Executor& system_executor() noexcept {
  static Immortal<SystemExecutor> executor;
  return executor.value;
}

}  // namespace siltstone::io
