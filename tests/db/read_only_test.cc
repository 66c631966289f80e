// Readers beside a writer, on real files: no lock, no false alarm, always a prefix.
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <siltstone/db.h>

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
