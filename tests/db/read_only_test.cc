// Readers beside a writer, on real files and a simulated disk: no lock, no false alarm, always a
// prefix.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "db/world.h"
#include "support/property.h"
#include "support/temp_dir.h"

using namespace siltstone;

namespace {

std::string numbered(std::uint64_t i) {
  std::string digits = std::to_string(i);
  return std::string(8 - digits.size(), '0') + digits;
}

}  // namespace

TEST_CASE(
    "read only: each open beside a busy writer finds a prefix with all that was acknowledged") {
  constexpr std::uint64_t kOpens = 60;
  // Writes during one open. A writer that never stops makes each open read more than the one
  // before, and so gives itself more time: where reading is slow, the log grows to gigabytes.
  constexpr std::uint64_t kWritesPerOpen = 20;
  const support::TempDir tmp;
  auto db = Db::builder(tmp / "data").build();
  REQUIRE(db);
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<std::uint64_t> allowed{0};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kOpens * kWritesPerOpen; ++i) {
      for (std::uint64_t now = allowed.load(); i >= now; now = allowed.load()) allowed.wait(now);
      // Of different sizes, so that drains of one and of several blocks are met half done.
      if (!db->put(numbered(i), std::string(i % 7 * 2500, 'v'))) return;
      acknowledged.store(i + 1);
    }
  });
  std::string wrong;
  for (std::uint64_t i = 1; i <= kOpens && wrong.empty(); ++i) {
    const std::uint64_t before = acknowledged.load();
    allowed.store(i * kWritesPerOpen);
    allowed.notify_one();
    auto reader = Db::builder(tmp / "data").read_only(true).build();
    if (!reader) {
      wrong = reader.error().to_string();
      break;
    }
    std::uint64_t found = 0;
    for (auto it = reader->iterate(); it.valid(); it.next(), ++found) {
      if (it.key() != numbered(found)) wrong = "a hole before " + std::string(it.key());
    }
    if (found < before) wrong = "an acknowledged write is missing";
  }
  allowed.store(kOpens * kWritesPerOpen);
  allowed.notify_one();
  writer.join();
  CHECK(wrong == "");
}

TEST_CASE("read only: two readers, and a writer that comes and goes beside them") {
  const support::TempDir tmp;
  {
    REQUIRE(Db::builder(tmp / "data").build()->put("k", "1"));
  }
  auto first = Db::builder(tmp / "data").read_only(true).build();
  auto second = Db::builder(tmp / "data").read_only(true).build();
  REQUIRE(first);
  REQUIRE(second);
  {
    REQUIRE(Db::builder(tmp / "data").build()->put("k", "2"));
  }
  CHECK(**first->get("k") == "1");
  CHECK(**second->get("k") == "1");
  CHECK(**Db::builder(tmp / "data").read_only(true).build()->get("k") == "2");
}

TEST_CASE("read only: what was acknowledged is found while the writer moves it to other places") {
  using namespace std::chrono_literals;
  support::for_each_seed(24, [](std::uint64_t seed) {
    support::SimStorageOptions machine;
    machine.sync_time = machine.transfer_time = 1ms;
    machine.can_map = seed % 4 != 0;
    support::Simulation sim(seed, machine);
    db::Settings settings{.dir = "db"};
    settings.durability = seed % 3 == 0 ? Durability::every_commit : Durability::interval;
    settings.sync_interval = 5ms;
    settings.log_buffer_bytes = 64 << 10;  // few writes use all of it again
    settings.segments = {.first_bytes = 256 << 10, .most_bytes = 1 << 20};
    auto db = db::Access::open(settings, sim.environment());
    REQUIRE(db);
    std::atomic<std::uint64_t> acknowledged{0};
    std::atomic<bool> done{false};
    sim.spawn("writer", [&] {
      for (std::uint64_t i = 0; i < 120; ++i) {
        REQUIRE(db->put(numbered(i), std::string(100 + 997 * i % 12'000, 'v')));
        acknowledged = i + 1;
      }
      done = true;
    });
    sim.spawn("reader", [&] {
      db::Settings reading = settings;
      reading.read_only = true;
      while (!done) {
        const std::uint64_t before = acknowledged;
        auto reader = db::Access::open(reading, sim.environment());
        if (!reader) FAIL(reader.error().to_string());
        std::uint64_t found = 0;
        for (auto it = reader->iterate(); it.valid(); it.next())
          CHECK(it.key() == numbered(found++));
        CHECK(found >= before);
      }
    });
    sim.run();
  });
}
