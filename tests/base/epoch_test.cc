// Epochs: nothing is freed under a reader, everything is freed in the end. The interleavings that
// matter are played step by step; threads, meant for ThreadSanitizer, play the others.
#include "base/epoch.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace siltstone;
using base::EpochGuard;
using base::Reclaimer;

namespace {

std::atomic<int> objects_alive{0};

class Object final : public base::Retired {
 public:
  Object() { objects_alive.fetch_add(1); }
  ~Object() override {
    value = 0;
    objects_alive.fetch_sub(1);
  }

  int value = 42;
};

// Does something once, at the first yield point of that name.
class AtYieldPoint final : public base::Scheduler {
 public:
  AtYieldPoint(std::string_view where, std::function<void()> action)
      : where_(where), action_(std::move(action)) {
    base::current_scheduler = this;
  }
  ~AtYieldPoint() { base::current_scheduler = nullptr; }

  void yield(const char* where) noexcept override {
    if (where != where_ || done_) return;
    done_ = true;
    base::current_scheduler = nullptr;
    action_();
    base::current_scheduler = this;
  }

 private:
  std::string_view where_;
  std::function<void()> action_;
  bool done_ = false;
};

// A shared pointer to one object, replaced by writers.
struct Shared {
  std::atomic<Object*> current{new Object};
  Reclaimer reclaimer;

  Shared() = default;
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { reclaimer.retire(current.load()); }

  std::size_t replace() {
    reclaimer.retire(current.exchange(new Object, std::memory_order_acq_rel));
    return reclaimer.collect();
  }
};

}  // namespace

TEST_CASE("epoch: without readers a retired object goes at the next collection") {
  Reclaimer reclaimer;
  reclaimer.retire(new Object);
  reclaimer.retire(new Object);
  CHECK(objects_alive == 2);
  CHECK(reclaimer.collect() == 0);
  CHECK(objects_alive == 0);
}

TEST_CASE("epoch: a reader keeps what it may hold, and nothing retired before it came") {
  Shared shared;
  shared.reclaimer.retire(new Object);
  {
    EpochGuard guard;
    const Object* held = shared.current.load(std::memory_order_acquire);
    CHECK(shared.replace() == 1);
    CHECK(objects_alive == 2);
    CHECK(held->value == 42);
  }
  CHECK(shared.reclaimer.collect() == 0);
  CHECK(objects_alive == 1);
}

TEST_CASE("epoch: the outermost of nested guards counts") {
  Reclaimer reclaimer;
  {
    EpochGuard outer;
    {
      EpochGuard inner;
    }
    reclaimer.retire(new Object);
    {
      EpochGuard inner;
    }
    CHECK(reclaimer.collect() == 1);
  }
  CHECK(reclaimer.collect() == 0);
}

TEST_CASE("epoch: a Reclaimer frees what is left when it goes") {
  {
    Reclaimer reclaimer;
    EpochGuard guard;
    reclaimer.retire(new Object);
    CHECK(reclaimer.collect() == 1);
  }
  CHECK(objects_alive == 0);
}

#ifndef NDEBUG  // yield points are compiled out of release builds

TEST_CASE("epoch: a reader overtaken while it enters sees the new object") {
  Shared shared;
  Object* const old = shared.current.load();
  AtYieldPoint overtake("epoch enter", [&] {
    CHECK(shared.replace() == 0);
    CHECK(objects_alive == 1);
  });
  EpochGuard guard;
  const Object* held = shared.current.load(std::memory_order_acquire);
  CHECK(held != old);
  CHECK(held->value == 42);
}

TEST_CASE("epoch: a reader that entered late with an old clock still keeps what it holds") {
  Shared shared;
  AtYieldPoint overtake("epoch enter", [&] {
    for (int i = 0; i < 3; ++i) CHECK(shared.replace() == 0);
  });
  EpochGuard guard;
  const Object* held = shared.current.load(std::memory_order_acquire);
  CHECK(shared.replace() == 1);
  CHECK(held->value == 42);
}

TEST_CASE("epoch: what is retired after the scan waits for the next one") {
  Shared shared;
  std::atomic<bool> entered{false};
  std::atomic<bool> leave{false};
  std::atomic<int> seen{0};
  std::thread reader;
  {
    // The scan found no reader. Then one comes and takes the object, and it is retired.
    AtYieldPoint after("epoch scanned", [&] {
      reader = std::thread([&] {
        EpochGuard guard;
        const Object* held = shared.current.load(std::memory_order_acquire);
        entered = true;
        while (!leave) std::this_thread::yield();
        seen = held->value;
      });
      while (!entered) std::this_thread::yield();
      shared.reclaimer.retire(shared.current.exchange(new Object));
    });
    CHECK(shared.reclaimer.collect() == 1);
  }
  leave = true;
  reader.join();
  CHECK(seen == 42);
  CHECK(shared.reclaimer.collect() == 0);
}

#endif

TEST_CASE("epoch: threads that end give their slots back") {
  // More at a time than one block holds, many times more one after the other.
  std::atomic<int> inside{0};
  std::vector<std::thread> crowd;
  for (int i = 0; i < 40; ++i) {
    crowd.emplace_back([&] {
      EpochGuard guard;
      inside.fetch_add(1);
      while (inside.load() < 40) std::this_thread::yield();
    });
  }
  for (auto& thread : crowd) thread.join();
  const std::size_t slots = base::epoch_slot_count();
  CHECK(slots >= 40);
  for (int i = 0; i < 300; ++i) std::thread([] { EpochGuard guard; }).join();
  CHECK(base::epoch_slot_count() == slots);
}

TEST_CASE("epoch: guards in destructors at the end of a thread keep no slot") {
  struct Late {
    ~Late() { EpochGuard guard; }
  };
  const auto end_with_guard = [] {
    thread_local Late late;  // made before the first guard, so destroyed after its slot went
    static_cast<void>(&late);
    EpochGuard guard;
  };
  std::thread(end_with_guard).join();
  const std::size_t slots = base::epoch_slot_count();
  for (std::size_t i = 0; i < slots + 10; ++i) std::thread(end_with_guard).join();
  CHECK(base::epoch_slot_count() == slots);
  Reclaimer reclaimer;
  reclaimer.retire(new Object);
  CHECK(reclaimer.collect() == 0);
}

TEST_CASE("epoch: readers never meet a freed object while writers replace it") {
  {
    Shared shared;
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 3; ++r) {
      readers.emplace_back([&] {
        while (!stop.load(std::memory_order_relaxed)) {
          EpochGuard guard;
          const Object* held = shared.current.load(std::memory_order_acquire);
          if (held->value != 42) wrong.fetch_add(1);
        }
      });
    }
    std::vector<std::thread> writers;
    for (int w = 0; w < 2; ++w) {
      writers.emplace_back([&] {
        for (int i = 0; i < 4000; ++i) shared.replace();
      });
    }
    for (auto& writer : writers) writer.join();
    stop = true;
    for (auto& reader : readers) reader.join();
    CHECK(wrong == 0);
    CHECK(shared.reclaimer.collect() == 0);
    CHECK(objects_alive == 1);
  }
  CHECK(objects_alive == 0);
}
