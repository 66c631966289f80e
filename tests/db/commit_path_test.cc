// Group commit: who shares a device flush, and what becomes of everybody when it fails.
#include "db/commit_path.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "db/world.h"
#include "support/sim_storage.h"

using namespace siltstone;
using support::Op;

namespace {

/// A storage that holds back the completions of writes while its gate is shut.
class GatedStorage final : public io::Storage {
 public:
  explicit GatedStorage(io::Storage& inner) : inner_(inner) {}

  [[nodiscard]] Result<std::unique_ptr<io::Directory>> open_directory(
      std::string_view path) override {
    return inner_.open_directory(path);
  }
  [[nodiscard]] Result<void> make_directory(std::string_view path) override {
    return inner_.make_directory(path);
  }
  [[nodiscard]] Result<std::unique_ptr<io::Queue>> make_queue(std::size_t depth) override {
    auto inner = inner_.make_queue(depth);
    if (!inner) return inner;
    return std::make_unique<GatedQueue>(std::move(*inner), *this);
  }

  void shut() {
    const std::lock_guard lock(mutex_);
    is_shut_ = true;
    waiting_ = false;
    drains_ = 0;
  }
  void wait_until_somebody_waits() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    is_shut_ = false;
    changed_.notify_all();
  }
  /// Device flushes since shut(): durable writes and syncs, however long.
  [[nodiscard]] int flushes() const { return drains_; }

 private:
  class GatedQueue final : public io::Queue {
   public:
    GatedQueue(std::unique_ptr<io::Queue> inner, GatedStorage& gate)
        : inner_(std::move(inner)), gate_(gate) {}
    [[nodiscard]] std::size_t capacity() const noexcept override { return inner_->capacity(); }
    [[nodiscard]] std::int64_t submit(std::span<io::Request* const> batch) override {
      for (const io::Request* request : batch) {
        const bool is_flush = request->durable || request->opcode == io::Opcode::sync;
        if (is_flush && !is_zeros(*request)) ++gate_.drains_;
      }
      return inner_->submit(batch);
    }
    [[nodiscard]] std::int64_t reap(std::span<io::Request*> done, std::size_t wait_for) override {
      std::unique_lock lock(gate_.mutex_);
      gate_.waiting_ = true;
      gate_.changed_.notify_all();
      gate_.changed_.wait(lock, [this] { return !gate_.is_shut_; });
      lock.unlock();
      return inner_->reap(done, wait_for);
    }

   private:
    /// What silt-log writes ahead of the frames, which begin with their magic.
    static bool is_zeros(const io::Request& request) {
      return !request.buffers.empty() &&
             *static_cast<const char*>(request.buffers.front().iov_base) == 0;
    }

    const std::unique_ptr<io::Queue> inner_;
    GatedStorage& gate_;
  };

  io::Storage& inner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_shut_ = false;
  bool waiting_ = false;
  std::atomic<int> drains_{0};
};

/// A store on a gated disk, with one writer held in its drain and seven that pend behind it.
struct Crowd {
  static constexpr int kFollowers = 7;

  Crowd() : gate(world.storage), db(open()) {}

  Db open() {
    io::Environment environment = world.sim.environment();
    environment.storage = &gate;
    environment.parker = &io::system_parker();      // the writers are real threads,
    environment.executor = &io::system_executor();  // and so is silt-log
    auto opened = db::Access::open({.dir = "db"}, environment);
    if (!opened) FAIL(opened.error().to_string());
    return std::move(*opened);
  }

  /// Runs all of them; `prepare` is called when all wait. Outcomes: the first writer's, then the
  /// rest.
  template <typename Prepare>
  void run(const Prepare& prepare) {
    outcomes.assign(1 + kFollowers, Result<Commit>());
    std::vector<std::thread> threads;
    const auto start = [&](int i) {
      threads.emplace_back([this, i] {
        outcomes[static_cast<std::size_t>(i)] = db.put("key" + std::to_string(i), "value");
      });
    };
    gate.shut();
    start(0);
    gate.wait_until_somebody_waits();
    for (int i = 1; i <= kFollowers; ++i) start(i);
    for (int i = 1; i <= kFollowers; ++i) {
      while (!is_linked("key" + std::to_string(i))) std::this_thread::yield();
    }
    prepare();
    gate.open();
    for (auto& thread : threads) thread.join();
  }

  /// Entries are linked when their writer joins; that they are visible comes later.
  bool is_linked(const std::string& key) {
    return db::Access::engine(db).reads()->memtable().get(key, base::kMaxSequence).has_value();
  }
  bool is_visible(int i) { return db.get("key" + std::to_string(i)).value().has_value(); }

  db::World world{1};
  GatedStorage gate;
  Db db;
  std::vector<Result<Commit>> outcomes;
};

}  // namespace

TEST_CASE("one_fsync_per_group") {
  Crowd crowd;
  crowd.run([&] {
    CHECK(crowd.gate.flushes() == 1);
    for (int i = 0; i <= Crowd::kFollowers; ++i) CHECK(!crowd.is_visible(i));
  });
  CHECK(crowd.gate.flushes() == 2);
  std::uint64_t sum = 0;
  for (const auto& outcome : crowd.outcomes) {
    REQUIRE(outcome);
    sum += outcome->seq;
  }
  CHECK(sum == 8 * 9 / 2);  // each its own sequence
  CHECK(crowd.outcomes[0]->seq == 1);
  for (int i = 0; i <= Crowd::kFollowers; ++i) CHECK(crowd.is_visible(i));
}

TEST_CASE("commit path: a failed group fails for each of its writers, and shows nothing of them") {
  Crowd crowd;
  // What was submitted already is not hit: the first writer's drain ends well. All that follows is,
  // since silt-log may write zeros before the group's drain.
  crowd.run([&] {
    crowd.world.storage.faults().add({.on = Op::write | Op::sync, .times = support::kAlways});
  });
  CHECK(crowd.outcomes[0]);
  CHECK(crowd.is_visible(0));
  for (int i = 1; i <= Crowd::kFollowers; ++i) {
    const auto& outcome = crowd.outcomes[static_cast<std::size_t>(i)];
    REQUIRE(!outcome);
    CHECK(outcome.error().code() == ErrorCode::io);
    CHECK(outcome.error().os_error() == EIO);
    CHECK(!crowd.is_visible(i));
  }
}

TEST_CASE("commit path: a failed drain fails all that pends behind it, untried") {
  Crowd crowd;
  const auto failed = crowd.world.storage.faults().add({.on = Op::write, .path = "db/wal/*"});
  crowd.run([] {});
  CHECK(crowd.world.storage.faults().hits(failed) == 1);
  for (const auto& outcome : crowd.outcomes) {
    REQUIRE(!outcome);
    CHECK(outcome.error().os_error() == EIO);
  }
  CHECK(crowd.gate.flushes() == 1);
  for (int i = 0; i <= Crowd::kFollowers; ++i) CHECK(!crowd.is_visible(i));
}

TEST_CASE("commit path: after a failure writes are refused with its cause, and reads go on") {
  db::World world{1};
  auto db = world.open();
  REQUIRE(db.put("old", "v"));
  auto it = db.iterate();
  world.storage.faults().add({.on = Op::write, .error = ENOSPC});
  const auto failed = db.put("new", "v");
  REQUIRE(!failed);
  CHECK(failed.error().code() == ErrorCode::no_space);
  // The disk is well again; the log is not trusted for that.
  for (const auto& refused : {db.put("later", "v"), db.erase("old")}) {
    REQUIRE(!refused);
    CHECK(refused.error().code() == ErrorCode::no_space);
    CHECK(refused.error().os_error() == ENOSPC);
    CHECK(refused.error().path() == failed.error().path());
    CHECK(refused.error().message().starts_with("writes are refused since the log failed: "));
  }
  CHECK(**db.get("old") == "v");
  CHECK(db.get("new").value() == std::nullopt);
  CHECK(it.valid());
  CHECK(db.flush().error().code() == ErrorCode::no_space);
  CHECK(db.close().error().code() == ErrorCode::no_space);
  CHECK(db.close());

  Db again = world.open();
  CHECK(**again.get("old") == "v");
  CHECK(again.get("later").value() == std::nullopt);
  CHECK(again.put("later", "v"));
}

TEST_CASE("commit path: however many writes are refused, the cause stays the cause") {
  db::World world{1};
  auto db = world.open({.dir = "db", .memtable_bytes = 1 << 20});
  REQUIRE(db.put("old", "v"));
  world.storage.faults().add({.on = Op::write});
  CHECK(!db.put("new", "v"));
  Batch batch;
  REQUIRE(batch.put("a", std::string(1000, 'a')));
  REQUIRE(batch.put("old", std::string(1000, 'b')));
  const auto before = db::Access::engine(db).reads()->memtable().usage().reserved;
  REQUIRE(db.put_batch(batch).error().os_error() == EIO);
  for (int i = 0; i < 2000; ++i) REQUIRE(db.put_batch(batch).error().os_error() == EIO);
  CHECK(db::Access::engine(db).reads()->memtable().usage().reserved == before);
}
