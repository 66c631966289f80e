// The options of the ring: that they reach the kernel, that a machine without rings serves the same
// store by plain calls, and that the reason can be asked for.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "io/deny.h"
#include "io/locked_memory.h"
#include "support/temp_dir.h"

using namespace siltstone;
using io::with_denied;
using support::TempDir;

namespace {

Db open(const Builder& builder) {
  auto db = builder.build();
  if (!db) FAIL(db.error().to_string());
  return std::move(*db);
}

Stats stats_of(const Db& db) {
  auto stats = db.stats();
  if (!stats) FAIL(stats.error().to_string());
  return *stats;
}

/// Whether the machine lets the tests make rings; says why not.
bool rings_work(const Stats& stats) {
  if (stats.why_no_ring) {
    MESSAGE("skipped: " << stats.why_no_ring->to_string());
    return false;
  }
  if (!io::may_lock_ample_memory()) {
    MESSAGE("skipped: too little memory may be locked");
    return false;
  }
  return true;
}

/// Writes on several threads, closes, opens and finds everything.
void exercise(const Builder& builder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10;
  const auto key = [](int thread, int i) {
    return std::to_string(thread) + '/' + std::to_string(i);
  };
  {
    Db db = open(builder);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) CHECK(db.put(key(thread, i), "v").has_value());
      });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(db.close());
  }
  Db db = open(builder);
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < kEach; ++i) CHECK(**db.get(key(thread, i)) == "v");
  }
}

}  // namespace

TEST_CASE("io backend: I1 fallback_without_io_uring, a refused ring is told, and harms nothing") {
  for (const IoBackend backend : {IoBackend::automatic, IoBackend::uring}) {
    for (const int refusal : {EPERM, ENOSYS, EACCES, ENOMEM}) {
      const TempDir tmp;
      const Builder builder = Db::builder(tmp / "data").io_backend(backend);
      REQUIRE(with_denied({{SYS_io_uring_setup, refusal}}, [&] {
        exercise(builder);
        const Stats stats = stats_of(open(builder));
        CHECK(stats.io_backend == IoBackend::posix);
        CHECK(stats.ring_depth == 0);
        CHECK(stats.ring_completions == 0);
        REQUIRE(stats.why_no_ring);
        CHECK(stats.why_no_ring->os_error() == refusal);
      }));
    }
  }
}

TEST_CASE("io backend: I1 a ring that may be made but not used is found out") {
  const TempDir tmp;
  const Builder builder = Db::builder(tmp / "data").io_backend(IoBackend::uring);
  if (!rings_work(stats_of(open(builder)))) return;
  REQUIRE(with_denied({{SYS_io_uring_enter, EPERM}}, [&] {
    exercise(builder);
    REQUIRE(stats_of(open(builder)).why_no_ring);
  }));
}

TEST_CASE("io backend: with uring the log goes through a ring, otherwise by plain calls") {
  for (const IoBackend backend : {IoBackend::uring, IoBackend::automatic, IoBackend::posix}) {
    const TempDir tmp;
    const Builder builder = Db::builder(tmp / "data").io_backend(backend);
    exercise(builder);
    Db db = open(builder);
    const Stats before = stats_of(db);
    CHECK(before.why_no_ring.has_value() ==
          (before.io_backend == IoBackend::posix && backend != IoBackend::posix));
    REQUIRE(db.put("k", "v"));
    const std::uint64_t by_ring = stats_of(db).ring_completions - before.ring_completions;
    if (backend != IoBackend::posix && !rings_work(before)) return;
    // One write and no more where the log is direct; a sync where it is not.
    CHECK(by_ring == (backend == IoBackend::uring ? 1 : 0));
    CHECK(before.io_backend == (backend == IoBackend::posix ? backend : IoBackend::uring));
  }
}

TEST_CASE("io backend: depth, sqpoll and iopoll reach the kernel, or their reason is kept") {
  const TempDir tmp;
  const auto builder = [&] { return Db::builder(tmp / "data").io_backend(IoBackend::uring); };
  exercise(builder().ring_depth(50));
  const Stats deep = stats_of(open(builder().ring_depth(50)));
  if (!rings_work(deep)) return;
  CHECK(deep.ring_depth == 64);
  CHECK(!deep.sqpoll);
  CHECK(!deep.iopoll);
  CHECK(!deep.why_no_sqpoll);
  CHECK(stats_of(open(builder())).ring_depth == 128);
  exercise(builder().sqpoll(true));
  const Stats polled = stats_of(open(builder().sqpoll(true)));
  CHECK(polled.sqpoll == !polled.why_no_sqpoll);
  exercise(builder().iopoll(true));
  const Stats device = stats_of(open(builder().iopoll(true)));
  CHECK(device.iopoll == !device.why_no_iopoll);
}

TEST_CASE("io backend: I2 with little memory the ring is smaller, and the store says so") {
  const TempDir tmp;
  const Builder builder = Db::builder(tmp / "data").io_backend(IoBackend::uring).ring_depth(64);
  if (!rings_work(stats_of(open(builder)))) return;
  REQUIRE(with_denied({{SYS_io_uring_setup, ENOMEM, 0, 64}}, [&] {
    exercise(builder);
    CHECK(stats_of(open(builder)).ring_depth == 32);
  }));
}

TEST_CASE("io backend: I9 a sandbox that closes later fails writes for good, and close returns") {
  const TempDir tmp;
  const Builder builder = Db::builder(tmp / "data").io_backend(IoBackend::uring);
  std::optional<Db> db = open(builder);
  if (!rings_work(stats_of(*db))) return;
  REQUIRE(db->put("before", "v"));
  REQUIRE(with_denied({{SYS_io_uring_enter, EPERM}}, [&] {
    const auto refused = db->put("after", "v");
    REQUIRE(!refused);
    CHECK(refused.error().os_error() == EPERM);
  }));
  CHECK(db->put("later", "v").error().os_error() == EPERM);
  CHECK(**db->get("before") == "v");
  CHECK(!*db->get("after"));
  CHECK(!db->close());
  db = open(builder);
  CHECK(**db->get("before") == "v");
}

TEST_CASE("io backend: I10 the child of a fork leaves the ring to its parent") {
  const TempDir tmp;
  std::optional<Db> db = open(Db::builder(tmp / "data").io_backend(IoBackend::uring).sqpoll(true));
  REQUIRE(db->put("k", "v"));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto put = db->put("k", "child");
    const bool closed = !put && put.error().code() == ErrorCode::closed && !db->stats();
    db.reset();
    _exit(closed ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  REQUIRE(db->put("l", "w"));
  CHECK(**db->get("k") == "v");
  REQUIRE(db->close());
}

TEST_CASE("io backend: after close() and a move there are no figures, and no ring is left") {
  const TempDir tmp;
  const auto rings = [] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry, gone) == "anon_inode:[io_uring]") ++count;
    }
    return count;
  };
  Db db = open(Db::builder(tmp / "data").io_backend(IoBackend::uring).sqpoll(true));
  REQUIRE(db.put("k", "v"));
  if (rings_work(stats_of(db))) CHECK(rings() > 0);
  Db other = std::move(db);
  CHECK(db.stats().error().code() == ErrorCode::closed);
  REQUIRE(other.close());
  CHECK(other.stats().error().code() == ErrorCode::closed);
  CHECK(rings() == 0);
}
