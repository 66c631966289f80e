// Mutex and SharedMutex: exclusion between threads, and no blocking under a simulated schedule.
#include "base/mutex.h"

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace siltstone;

namespace {

struct Account {
  base::Mutex mutex;
  int balance SILT_GUARDED_BY(mutex) = 0;
};

// Runs `hold` on another thread, which lets go when yield() has been called three times.
class ReleasingScheduler final : public base::Scheduler {
 public:
  void yield(const char*) noexcept override { yields.fetch_add(1); }
  void wait_for_third_yield() const {
    while (yields.load() < 3) std::this_thread::yield();
  }

  std::atomic<int> yields{0};
};

// How often `acquire` yielded while another thread held what it wants.
template <typename Hold, typename Acquire>
int yields_while_contended(Hold hold, Acquire acquire) {
  ReleasingScheduler scheduler;
  std::atomic<bool> held{false};
  std::thread holder([&] { hold(held, scheduler); });
  while (!held.load()) std::this_thread::yield();
  base::current_scheduler = &scheduler;
  acquire();
  base::current_scheduler = nullptr;
  holder.join();
  return scheduler.yields.load();
}

}  // namespace

TEST_CASE("mutex: one thread at a time is inside") {
  Account account;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        base::MutexLock lock(account.mutex);
        account.balance += 1;
        if (i % 8 == 0) {
          lock.unlock();
          lock.lock();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  base::MutexLock lock(account.mutex);
  CHECK(account.balance == 20000);
}

TEST_CASE("mutex: a guard let go early leaves the mutex free") {
  base::Mutex mutex;
  {
    base::MutexLock lock(mutex);
    lock.unlock();
  }
  const bool free = mutex.try_lock();
  CHECK(free);
  if (free) mutex.unlock();
}

TEST_CASE("mutex: under a schedule a contended lock yields until it is free") {
  base::Mutex mutex;
  const int yields = yields_while_contended(
      [&](std::atomic<bool>& held, ReleasingScheduler& scheduler) {
        base::MutexLock lock(mutex);
        held = true;
        scheduler.wait_for_third_yield();
      },
      [&] { base::MutexLock lock(mutex); });
  CHECK(yields >= 3);
}

TEST_CASE("shared mutex: under a schedule readers and writers yield until it is free") {
  base::SharedMutex mutex;
  const auto hold_as_writer = [&](std::atomic<bool>& held, ReleasingScheduler& scheduler) {
    base::WriterLock lock(mutex);
    held = true;
    scheduler.wait_for_third_yield();
  };
  const auto hold_as_reader = [&](std::atomic<bool>& held, ReleasingScheduler& scheduler) {
    base::ReaderLock lock(mutex);
    held = true;
    scheduler.wait_for_third_yield();
  };
  CHECK(yields_while_contended(hold_as_writer, [&] { base::ReaderLock lock(mutex); }) >= 3);
  CHECK(yields_while_contended(hold_as_reader, [&] { base::WriterLock lock(mutex); }) >= 3);
}

TEST_CASE("shared mutex: readers share, a writer excludes") {
  base::SharedMutex mutex;
  bool second_reader = false;
  bool writer = false;
  {
    base::ReaderLock lock(mutex);
    std::thread([&] {
      if (mutex.try_lock_shared()) {
        second_reader = true;
        mutex.unlock_shared();
      }
      if (mutex.try_lock()) {
        writer = true;
        mutex.unlock();
      }
    }).join();
  }
  CHECK(second_reader);
  CHECK(!writer);
}
