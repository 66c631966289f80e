// Without memory: each allocation of a call fails in turn, and the call says out_of_memory, with
// nothing changed, until the first time that none fails.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "support/scarce_memory.h"
#include "support/temp_dir.h"

using namespace siltstone;
using support::TempDir;

namespace {

Db open(const TempDir& tmp) {
  auto db = Db::builder(tmp / "data").build();
  if (!db) FAIL(db.error().to_string());
  return std::move(*db);
}

/// Calls with no memory at all, then with one allocation, and so on, until it works; how many calls
/// did not. `call` returns a Result.
template <typename Call>
std::int64_t starve(const Call& call) {
  for (std::int64_t allowed = 0;; ++allowed) {
    const auto result = [&] {
      const support::ScarceMemory scarce(allowed);
      return call();
    }();
    if (result) return allowed;
    CAPTURE(allowed);
    REQUIRE(result.error().code() == ErrorCode::out_of_memory);
  }
}

}  // namespace

TEST_CASE("memory: a write that lacks it changes nothing, and the next one is taken") {
  const TempDir tmp;
  Db db = open(tmp);
  REQUIRE(db.put("k", "old"));
  const std::string value(5000, 'v');
  const auto failed = starve([&] {
    const auto put = db.put("k", value);
    support::ScarceMemory::end();
    if (!put) CHECK(**db.get("k") == "old");
    return put;
  });
  CHECK(failed > 0);
  CHECK(**db.get("k") == value);
  CHECK(db.put("k", "new")->seq == 3);
}

TEST_CASE("memory: a write with a time to live that lacks it changes nothing") {
  const TempDir tmp;
  Db db = open(tmp);
  Batch batch;
  const std::string value(5000, 'v');
  REQUIRE(batch.put("k", value, std::chrono::hours(1)));
  CHECK(starve([&] { return db.put_batch(batch, {.ttl = std::chrono::hours(2)}); }) > 0);
  CHECK(**db.get("k") == value);
  CHECK(db.put("k", "new")->seq == 2);
}

TEST_CASE("memory: reads and iterators that lack it say so, and the store is as it was") {
  const TempDir tmp;
  Db db = open(tmp);
  const std::string value(5000, 'v');
  REQUIRE(db.put("k", value));
  CHECK(starve([&] { return db.get("k"); }) > 0);
  const std::string prefix(100, 'k');
  CHECK(starve([&] { return db.iterate({.prefix = prefix}).status(); }) > 0);
  CHECK(starve([&] { return db.snapshot(); }) > 0);
  const auto snapshot = db.snapshot();
  REQUIRE(snapshot);
  CHECK(starve([&] { return snapshot->get("k"); }) > 0);
  CHECK(starve([&] { return snapshot->iterate({.prefix = prefix}).status(); }) > 0);
  CHECK(**db.get("k") == value);
}

TEST_CASE("memory: an open that lacks it leaves the store as it was") {
  const TempDir tmp;
  {
    REQUIRE(open(tmp).put("k", "v"));
  }
  const Builder builder = Db::builder(tmp / "copy");
  std::int64_t failed = -1;
  for (bool done = false; !done;) {
    // A copy for each try: one that fails late may leave a segment more, and the next needs more.
    std::filesystem::remove_all(tmp / "copy");
    std::filesystem::copy(tmp / "data", tmp / "copy", std::filesystem::copy_options::recursive);
    auto opened = [&] {
      const support::ScarceMemory scarce(++failed);
      return builder.build();
    }();
    done = opened.has_value();
    if (!done) REQUIRE(opened.error().code() == ErrorCode::out_of_memory);
    Db db = done ? std::move(*opened) : *builder.build();
    CHECK(**db.get("k") == "v");
    CHECK(db.put("k", "w")->seq == 2);
  }
  CHECK(failed > 5);
}
