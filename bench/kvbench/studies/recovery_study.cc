// How long an open takes after a kill: every engine that keeps a log has the same records in it,
// uncompressed and none of them in a table, written by a process that ended without a word.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "base/try.h"
#include "engine.h"
#include "io/file_descriptor.h"
#include "keys.h"
#include "progress.h"
#include "sampler.h"
#include "scan_sink.h"
#include "studies/study.h"
#include "studies/timing.h"
#include "values.h"
#include "work_dir.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kValueBytes = 100;
// What Siltstone's log takes for one such entry; the others differ by a few bytes.
constexpr std::uint64_t kRecordBytes = 139;
constexpr double kCompressibility = 0.5;
constexpr std::uint64_t kSeed = 1;
constexpr double kWantedGain = 5;

FigureKey seconds_key(std::string_view engine) {
  return {"open after a kill", "random order", std::string(engine), "s"};
}

FigureKey rate_key(std::string_view engine) {
  return {"log recovered", "random order", std::string(engine), "MB/s"};
}

StoreOptions store_options(const StudySettings& settings, bool is_there) {
  StoreOptions options;
  options.durability = Durability::kill;
  options.is_there = is_there;
  options.compress = false;
  options.unflushed_bytes = 4 * settings.log_bytes;  // with what a memtable adds to each entry
  return options;
}

/// What the process that is killed does.
Result<void> write_log(const Engine& engine, const std::string& dir,
                       const StudySettings& settings) {
  const std::uint64_t count = settings.log_bytes / kRecordBytes;
  std::vector<std::uint64_t> order(count);
  for (std::uint64_t i = 0; i < count; ++i) order[i] = i;
  base::Random random(kSeed);
  std::ranges::shuffle(order, random);
  const Values values(kValueBytes, kCompressibility, kSeed);
  KeyWriter key(kKeyBytes);
  const auto store = SILT_TRY(engine.create(dir, store_options(settings, false)));
  const auto session = SILT_TRY(store->session());
  for (const std::uint64_t number : order) {
    SILT_TRY(session->put(key.write(number), values.of(number)));
  }
  ::_exit(0);  // before anything is closed
}

/// Runs it in a process of its own. No engine has a thread in this one.
Result<void> make_killed_store(const Engine& engine, const std::string& dir,
                               const StudySettings& settings) {
  static_cast<void>(std::fflush(nullptr));
  const pid_t child = ::fork();
  if (child < 0) return base::fail_os(errno, "fork");
  if (child == 0) {
    const auto written = write_log(engine, dir, settings);
    fmt::print(stderr, "{}: {}\n", engine.name, written.error().to_string());
    static_cast<void>(std::fflush(stderr));
    ::_exit(1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return base::fail_os(errno, "waitpid");
  }
  if (status == 0) return {};
  return base::fail(ErrorCode::io, fmt::format("{} could not write its log", engine.name));
}

/// The file goes to the disk, and out of the page cache.
Result<void> drop_from_cache(const std::string& path) {
  const auto file =
      SILT_TRY(io::FileDescriptor::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
  if (::fsync(file.get()) != 0) return base::fail_os(errno, "fsync").path(path);
  const int dropped = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (dropped != 0) return base::fail_os(dropped, "posix_fadvise").path(path);
  return {};
}

/// A copy of the killed store, as cold as after a boot.
Result<void> copy_cold(const std::string& from, const std::string& to) {
  std::error_code failed;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, failed);
  if (failed) return base::fail_os(failed.value(), "copy").path(from);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(to)) {
    if (entry.is_regular_file()) SILT_TRY(drop_from_cache(entry.path()));
  }
  return {};
}

/// Everything must be there, as it was written.
Result<void> check_entries(Store& store, std::uint64_t expected, std::string_view engine) {
  const auto session = SILT_TRY(store.session());
  const Values values(kValueBytes, kCompressibility, kSeed);
  Sampler sampler;
  Progress progress("check", expected);
  ScanSink sink(UINT64_MAX, &values, sampler, progress);
  SILT_TRY(session->scan(sink));
  SILT_TRY(sink.status());
  if (sink.count() == expected) return {};
  return base::fail(ErrorCode::corruption, fmt::format("{} did not recover every record", engine))
      .mismatch(expected, sink.count());
}

class RecoveryStudy final : public Study {
 public:
  explicit RecoveryStudy(const StudySettings& settings) : settings_(settings) {}

  Result<void> set_up() override {
    for (const std::string_view name : {"siltstone", "rocksdb"}) {
      const Engine* const engine = find_engine(name);
      if (engine == nullptr) continue;
      auto dir = SILT_TRY(WorkDir::create(settings_.dir, "killed", settings_.keep));
      SILT_TRY(make_killed_store(*engine, dir.path(), settings_));
      killed_.push_back({engine, std::move(dir)});
    }
    return {};
  }

  Result<void> measure(Figures& figures) override {
    for (const Killed& killed : killed_) {
      SILT_TRY(check_interrupt());
      const auto dir = SILT_TRY(WorkDir::create(settings_.dir, "recovery", settings_.keep));
      SILT_TRY(copy_cold(killed.dir.path(), dir.path()));
      const std::uint64_t begin = now_ns();
      const auto store =
          SILT_TRY(killed.engine->create(dir.path(), store_options(settings_, true)));
      const double seconds = seconds_since(begin);
      SILT_TRY(check_entries(*store, settings_.log_bytes / kRecordBytes, killed.engine->name));
      SILT_TRY(store->close());
      figures.add(seconds_key(killed.engine->name), seconds);
      figures.add(rate_key(killed.engine->name),
                  static_cast<double>(settings_.log_bytes) * 1e-6 / seconds);
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    figures.compare("time to open: rocksdb / siltstone", seconds_key("rocksdb"),
                    seconds_key("siltstone"), kWantedGain);
    if (find_engine("rocksdb") == nullptr) figures.note("this program was built without rocksdb");
    figures.note(fmt::format(
        "{} records, keys of {} bytes in random order, values of {}; each open finds a copy of the "
        "killed store, synced and out of the page cache, and is checked to have every record",
        settings_.log_bytes / kRecordBytes, kKeyBytes, kValueBytes));
    figures.note("rocksdb writes what it recovered into a table, as is its default");
  }

 private:
  struct Killed {
    const Engine* engine;
    WorkDir dir;
  };

  const StudySettings& settings_;
  std::vector<Killed> killed_;
};

}  // namespace

std::unique_ptr<Study> make_recovery_study(const StudySettings& settings) {
  return std::make_unique<RecoveryStudy>(settings);
}

}  // namespace siltstone::kvbench
