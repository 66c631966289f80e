// How much a queue gains: random 4 KiB reads with 1 to 256 under way.
#include <optional>

#include <fmt/format.h>

#include "base/try.h"
#include "studies/backends.h"
#include "studies/fio.h"
#include "studies/load.h"
#include "studies/study.h"
#include "studies/test_file.h"

namespace siltstone::kvbench {
namespace {

// A ring that is worth having: so much faster when deep, hardly slower than the tool that everybody
// measures with, and never noticeably slower than the backend that it replaces.
constexpr double kWantedGain = 4;
constexpr double kWantedOfFio = 0.90;
constexpr double kWantedOfPosix = 0.95;
constexpr unsigned kDeep = 64;
constexpr unsigned kFirstDeepEnough = 8;

FigureKey key_of(unsigned depth, std::string_view way) {
  return {"random read of 4 KiB", fmt::format("depth {}", depth), std::string(way), "op/s"};
}

class IoDepthStudy final : public Study {
 public:
  explicit IoDepthStudy(const StudySettings& settings) : settings_(settings), backends_(settings) {}

  Result<void> set_up() override {
    file_.emplace(SILT_TRY(TestFile::make(settings_, "io-depth", settings_.file_bytes)));
    if (backends_.wants("fio")) find_fio();
    return {};
  }

  Result<void> measure(Figures& figures) override {
    for (const unsigned depth : settings_.depths) {
      if (backends_.wants("plain")) {
        figures.add(key_of(depth, "plain"),
                    SILT_TRY(plain_load(*file_, {.depth = depth}, settings_.seconds)));
      }
      for (const Backend& backend : backends_.engine()) {
        figures.add(key_of(depth, backend.name),
                    SILT_TRY(channel_load(backend, *file_, {.depth = depth}, settings_.seconds)));
      }
      if (has_fio_) {
        figures.add(key_of(depth, "fio"), SILT_TRY(fio_reads(*file_, depth, settings_.seconds)));
      }
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    figures.compare("ring at depth 64 / ring at depth 1", key_of(kDeep, "ring"), key_of(1, "ring"),
                    kWantedGain);
    for (const unsigned depth : settings_.depths) {
      const std::optional<double> wanted =
          depth == kDeep ? std::optional(kWantedOfFio) : std::nullopt;
      figures.compare(fmt::format("ring / fio at depth {}", depth), key_of(depth, "ring"),
                      key_of(depth, "fio"), wanted);
    }
    for (const unsigned depth : settings_.depths) {
      const std::optional<double> wanted =
          depth >= kFirstDeepEnough ? std::optional(kWantedOfPosix) : std::nullopt;
      figures.compare(fmt::format("ring / posix at depth {}", depth), key_of(depth, "ring"),
                      key_of(depth, "posix"), wanted);
    }
    backends_.note(figures);
    file_->note(figures);
    figures.note("plain: one pread on each of as many threads; posix: the pool of the engine");
    if (backends_.wants("fio")) figures.note(about_fio_);
  }

 private:
  /// It may be missing, or be refused the ring that is refused to us.
  void find_fio() {
    constexpr double kProofSeconds = 0.01;
    const std::string version = fio_version();
    if (version.empty()) {
      about_fio_ = "fio is not installed: nothing to compare the ring with";
    } else if (!fio_reads(*file_, 1, kProofSeconds)) {
      about_fio_ = fmt::format("{} cannot use io_uring here: nothing to compare with", version);
    } else {
      has_fio_ = true;
      about_fio_ = fmt::format("fio: {}, one job, ioengine=io_uring", version);
    }
  }

  const StudySettings& settings_;
  const Backends backends_;
  bool has_fio_ = false;
  std::string about_fio_;
  std::optional<TestFile> file_;
};

}  // namespace

std::unique_ptr<Study> make_io_depth_study(const StudySettings& settings) {
  return std::make_unique<IoDepthStudy>(settings);
}

}  // namespace siltstone::kvbench
