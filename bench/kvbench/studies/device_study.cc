// The physical limits beside which the engine is judged: random reads by depth, sequential reads
// and writes, syncs by method.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/try.h"
#include "studies/backends.h"
#include "studies/load.h"
#include "studies/study.h"
#include "studies/sync_bench.h"
#include "studies/test_file.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;
constexpr std::array kSequentialDepths{1U, 8U};

FigureKey random_key(unsigned depth, std::string_view way) {
  return {"random read of 4 KiB", fmt::format("depth {}", depth), std::string(way), "op/s"};
}

FigureKey sequential_key(const Load& load, std::string_view way) {
  return {load.opcode == io::Opcode::read ? "sequential read" : "sequential write",
          fmt::format("1 MiB, depth {}", load.depth), std::string(way), "MiB/s"};
}

FigureKey sync_key(const SyncMethod& method, std::string_view way) {
  return {"4 KiB made durable", std::string(method.name), std::string(way), "syncs/s"};
}

class DeviceStudy final : public Study {
 public:
  explicit DeviceStudy(const StudySettings& settings) : settings_(settings), backends_(settings) {}

  Result<void> set_up() override {
    file_.emplace(SILT_TRY(TestFile::make(settings_, "device", settings_.file_bytes)));
    syncs_.emplace(SILT_TRY(SyncBench::make(*file_)));
    return {};
  }

  Result<void> measure(Figures& figures) override {
    for (const unsigned depth : settings_.depths) {
      const auto key = [depth](std::string_view way) { return random_key(depth, way); };
      SILT_TRY(run({.depth = depth}, 1, key, figures));
    }
    for (const io::Opcode opcode : {io::Opcode::read, io::Opcode::write}) {
      for (const unsigned depth : kSequentialDepths) {
        const Load load{opcode, kMebibyte, depth, true};
        const auto key = [&load](std::string_view way) { return sequential_key(load, way); };
        SILT_TRY(run(load, 1, key, figures));
      }
    }
    for (const SyncMethod& method : kSyncMethods) {
      if (backends_.wants("plain")) {
        figures.add(sync_key(method, "plain"), SILT_TRY(syncs_->plain(method, settings_.seconds)));
      }
      for (const Backend& backend : backends_.engine()) {
        figures.add(sync_key(method, backend.name),
                    SILT_TRY(syncs_->engine(method, backend, settings_.seconds)));
      }
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    const auto [shallow, deep] = std::ranges::minmax(settings_.depths);
    figures.compare(fmt::format("random reads by ring, depth {} / {}", deep, shallow),
                    random_key(deep, "ring"), random_key(shallow, "ring"));
    backends_.note(figures);
    file_->note(figures);
    figures.note("plain: one call on each of as many threads; posix: the pool of the engine");
    figures.note("sequential writes end with a sync, which is in the figure");
  }

 private:
  /// `scale` is what a transfer counts for.
  template <typename Key>
  Result<void> run(const Load& load, double scale, Key key, Figures& figures) {
    if (backends_.wants("plain")) {
      figures.add(key("plain"), scale * SILT_TRY(plain_load(*file_, load, settings_.seconds)));
    }
    for (const Backend& backend : backends_.engine()) {
      figures.add(key(backend.name),
                  scale * SILT_TRY(channel_load(backend, *file_, load, settings_.seconds)));
    }
    return {};
  }

  const StudySettings& settings_;
  const Backends backends_;
  std::optional<TestFile> file_;
  std::optional<SyncBench> syncs_;
};

}  // namespace

std::unique_ptr<Study> make_device_study(const StudySettings& settings) {
  return std::make_unique<DeviceStudy>(settings);
}

}  // namespace siltstone::kvbench
