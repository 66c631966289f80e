// ChannelPool: lends, takes back, makes no more than it may, and keeps nothing that failed.
#include "io/channel_pool.h"

#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "io/fake_queue.h"
#include "io/posix_storage.h"
#include "io/queue_fixture.h"
#include "io/uring_storage.h"

using namespace siltstone;
using namespace siltstone::io;

namespace {

/// Counts the queues it makes; they all follow one script.
class FakeStorage final : public Storage {
 public:
  Result<std::unique_ptr<Directory>> open_directory(std::string_view) override { return refused(); }
  Result<void> make_directory(std::string_view) override { return refused(); }
  Result<std::unique_ptr<Queue>> make_queue(std::size_t) override {
    if (refuses) return refused();
    ++made;
    return std::make_unique<FakeQueue>(control);
  }

  FakeQueue::Control control;
  int made = 0;
  bool refuses = false;

 private:
  static base::ErrorBuilder refused() { return base::fail(ErrorCode::unsupported, "fake"); }
};

struct Fixture {
  FakeStorage storage;
  FakeStorage overflow;
  ChannelPool pool{storage, overflow, 2, 8};
};

}  // namespace

TEST_CASE("channel pool: a channel that came back is lent again") {
  Fixture f;
  Channel* first = nullptr;
  for (int i = 0; i < 5; ++i) {
    auto lease = f.pool.borrow().value();
    if (first == nullptr) first = &*lease;
    CHECK(&*lease == first);
  }
  CHECK(f.storage.made == 1);
}

TEST_CASE("channel pool: when all are lent a call gets a channel of its own, elsewhere") {
  Fixture f;
  auto one = f.pool.borrow().value();
  auto two = f.pool.borrow().value();
  for (int i = 0; i < 2; ++i) {
    auto three = f.pool.borrow().value();
    CHECK(&*three != &*one);
    CHECK(&*three != &*two);
  }
  CHECK(f.storage.made == 2);
  CHECK(f.overflow.made == 2);
  CHECK(f.overflow.control.closed);
  CHECK(!f.storage.control.closed);
}

TEST_CASE("channel pool: one that failed is not lent again, and makes room for another") {
  Fixture f;
  FakeFile file;
  for (int i = 0; i < 4; ++i) {
    auto lease = f.pool.borrow().value();
    f.storage.control.reap_says = {-EIO};
    CHECK(!lease->sync(file));
  }
  CHECK(f.storage.made == 4);
  CHECK(f.overflow.made == 0);
  auto lease = f.pool.borrow().value();
  CHECK(lease->sync(file));
}

TEST_CASE("channel pool: a storage that makes no queue is an error, and takes no place") {
  Fixture f;
  f.storage.refuses = true;
  CHECK(!f.pool.borrow());
  CHECK(!f.pool.borrow());
  CHECK(!f.pool.borrow());
  f.storage.refuses = false;
  auto one = f.pool.borrow().value();
  auto two = f.pool.borrow().value();
  CHECK(f.storage.made == 2);
}

TEST_CASE("channel pool: threads that borrow rings in turn read their own pages") {
  UringStorage storage({.ring_depth = 16});
  QueueFixture f(storage);
  f.fill_file(16);
  const auto file = f.open(true);
  ChannelPool pool(storage, posix_storage(), 2, 16);
  std::atomic<int> wrong{0};
  const auto read_often = [&] {
    for (int round = 0; round < 50; ++round) {
      const auto lease = pool.borrow().value();
      std::array<Page, 16> pages;
      std::array<Transfer, 16> reads;
      for (std::size_t i = 0; i < 16; ++i) lease->read(reads[i], *file, i * kPage, pages[i].bytes);
      for (std::size_t i = 0; i < 16; ++i) {
        lease->wait(reads[i]);
        if (!reads[i].outcome() || !pages[i].holds(i)) ++wrong;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(read_often);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}
