// The runner: every workload does what its name says, and an engine that answers wrongly is found
// out.
#include "runner.h"

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include <doctest/doctest.h>

#include "keys.h"
#include "scan_sink.h"

using namespace siltstone;
using namespace siltstone::kvbench;

namespace {

/// How the engine under test lies.
enum class Lie { none, lost_key, other_value, invented_key, short_scan, failed_write };

/// What the engine did. Engines are made from plain functions, so this is where they meet the test.
struct Log {
  Lie lie = Lie::none;
  std::map<std::string, std::string, std::less<>> entries;
  std::uint64_t puts = 0;
  std::uint64_t batches = 0;
  bool ascending = true;
  std::string last_key;
  std::mutex mutex;  // protects all of it
};
Log* g_log = nullptr;

class MapSession final : public Session {
 public:
  Result<void> put(std::string_view key, std::string_view value) override {
    const std::lock_guard lock(g_log->mutex);
    if (g_log->lie == Lie::failed_write && g_log->puts == 10) {
      return std::unexpected(Error(ErrorCode::no_space, "full"));
    }
    ++g_log->puts;
    g_log->ascending = g_log->ascending && key > g_log->last_key;
    g_log->last_key = key;
    g_log->entries[std::string(key)] = value;
    return {};
  }
  Result<void> put_batch(std::span<const Entry> entries) override {
    for (const Entry& entry : entries) {
      if (auto put_one = put(entry.key, entry.value); !put_one) return put_one;
    }
    const std::lock_guard lock(g_log->mutex);
    ++g_log->batches;
    return {};
  }
  Result<std::optional<std::string_view>> get(std::string_view key) override {
    if (g_log->lie == Lie::invented_key) return "invented";
    const auto found = g_log->entries.find(key);
    if (found == g_log->entries.end() || g_log->lie == Lie::lost_key) return std::nullopt;
    return g_log->lie == Lie::other_value ? "other" : std::string_view(found->second);
  }
  Result<void> scan(ScanSink& sink) override {
    std::size_t left = g_log->entries.size() - (g_log->lie == Lie::short_scan ? 1 : 0);
    for (auto it = g_log->entries.begin(); left > 0; ++it, --left) {
      if (!sink.take(it->first, it->second)) break;
    }
    return {};
  }
};

class MapStore final : public Store {
 public:
  Result<std::unique_ptr<Session>> session() override { return std::make_unique<MapSession>(); }
  Result<void> close() override { return {}; }
};

constexpr Engine kMapEngine = {
    .name = "map",
    .keeps_data = true,
    .version = [] { return std::string("1"); },
    .settings = [](const StoreOptions&) { return NamedValues{}; },
    .create = [](const std::string& dir, const StoreOptions&) -> Result<std::unique_ptr<Store>> {
      CHECK(std::filesystem::is_empty(dir));
      g_log->entries.clear();
      g_log->puts = 0;
      return std::make_unique<MapStore>();
    },
};

Settings small_settings() {
  Settings settings;
  settings.dir = std::filesystem::temp_directory_path();
  settings.num = 2500;
  settings.verify = true;
  return settings;
}

/// A runner with everything it borrows.
struct Bench {
  Log log;
  Settings settings = small_settings();
  Values values{settings.value_bytes, settings.compressibility, settings.seed};
  Runner runner{kMapEngine, settings, values};

  Bench() { g_log = &log; }

  Result<Measurement> run(std::string_view workload) {
    return runner.run(*find_workload(workload));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Bench, "runner: every fill writes every key once, with its value") {
  for (const char* name : {"fillseq", "fillrandom", "fillbatch"}) {
    CAPTURE(name);
    const auto result = run(name);
    REQUIRE(result);
    CHECK(result->tally.ops == 2500);
    CHECK(result->tally.user_bytes == 2500 * 116);
    CHECK(log.puts == 2500);
    REQUIRE(log.entries.size() == 2500);
    std::uint64_t number = 0;
    for (const auto& [key, value] : log.entries) {
      CHECK(parse_key(key) == number);
      CHECK(value == values.of(number++));
    }
  }
}

TEST_CASE_FIXTURE(Bench,
                  "runner: fillseq is in order, fillrandom is not, fillbatch makes batches") {
  REQUIRE(run("fillseq"));
  CHECK(log.ascending);
  CHECK(log.batches == 0);
  REQUIRE(run("fillrandom"));
  CHECK_FALSE(log.ascending);
  REQUIRE(run("fillbatch"));
  CHECK(log.batches == 3);
}

TEST_CASE_FIXTURE(Bench, "runner: fillsync writes a hundredth, but at least a thousand") {
  CHECK(run("fillsync")->tally.ops == 1000);
  settings.num = 400'000;
  CHECK(run("fillsync")->tally.ops == 4000);
  settings.num = 10;
  CHECK(run("fillsync")->tally.ops == 10);
}

TEST_CASE_FIXTURE(Bench, "runner: reads see what the fill wrote") {
  REQUIRE(run("fillrandom"));
  const auto random = run("readrandom");
  CHECK(random->tally.found == 2500);
  const auto missing = run("readmissing");
  CHECK(missing->tally.ops == 2500);
  CHECK(missing->tally.found == 0);
  const auto scan = run("readseq");
  CHECK(scan->tally.ops == 2500);
  CHECK(scan->tally.user_bytes == 2500 * 116);
}

TEST_CASE_FIXTURE(Bench, "runner: threads share the work of fills and gets") {
  settings.threads = 3;
  for (const char* name : {"fillseq", "fillbatch", "fillrandom"}) {
    CHECK(run(name)->tally.ops == 2500);
    CHECK(log.puts == 2500);
    CHECK(log.entries.size() == 2500);
  }
  settings.reads = 1000;
  CHECK(run("readrandom")->tally.ops == 1000);
  CHECK(run("readseq")->tally.ops == 3 * 2500);
}

TEST_CASE_FIXTURE(Bench, "runner: a read without a fill is refused") {
  CHECK(run("readseq").error().code() == ErrorCode::invalid_argument);
}

TEST_CASE_FIXTURE(Bench, "runner: wrong answers are corruption") {
  const auto expect_corruption = [&](Lie lie, const char* workload) {
    CAPTURE(workload);
    log.lie = Lie::none;
    REQUIRE(run("fillseq"));
    log.lie = lie;
    const auto result = run(workload);
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == ErrorCode::corruption);
  };
  expect_corruption(Lie::lost_key, "readrandom");
  expect_corruption(Lie::other_value, "readrandom");
  expect_corruption(Lie::invented_key, "readmissing");
  expect_corruption(Lie::short_scan, "readseq");
}

TEST_CASE_FIXTURE(Bench, "runner: a failed write ends the workload with its error") {
  log.lie = Lie::failed_write;
  CHECK(run("fillseq").error().code() == ErrorCode::no_space);
  CHECK(run("fillbatch").error().code() == ErrorCode::no_space);
}

TEST_CASE("work dir: is new, empty, and gone with its contents, unless it is kept") {
  const std::string parent = std::filesystem::temp_directory_path();
  std::string path;
  {
    const auto dir = WorkDir::create(parent, "test", false);
    REQUIRE(dir);
    path = dir->path();
    CHECK(std::filesystem::is_empty(path));
    std::filesystem::create_directories(path + "/a/b");
  }
  CHECK_FALSE(std::filesystem::exists(path));
  {
    const auto dir = WorkDir::create(parent, "test", true);
    path = dir->path();
  }
  CHECK(std::filesystem::exists(path));
  std::filesystem::remove(path);
  CHECK_FALSE(WorkDir::create(parent + "/not-there", "test", false));
}
