// A study: one question about the machine or the engine's lower layers, answered by figures.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "studies/figures.h"

namespace siltstone::kvbench {

struct StudySettings {
  std::string dir;        ///< Where the files are made, in a directory of their own.
  std::string json_path;  ///< Empty: no JSON. "-": to stdout, and the table to stderr.
  unsigned repeat = 5;    ///< Everything so often, all ways in turn; the median counts.
  bool force = false;     ///< Measure even with a build that is not meant to be measured.
  bool keep = false;      ///< Leave the files behind.

  double seconds = 0.5;                                ///< Of each measurement that goes by time.
  std::uint64_t file_bytes = std::uint64_t{1} << 30;   ///< Of the file that is read.
  std::uint64_t log_bytes = std::uint64_t{256} << 20;  ///< Of the log that is recovered.
  std::uint64_t rounds = 200;                          ///< Of each measurement that goes by count.
  std::uint32_t pages = 10'000;  ///< Written at random, out of 1.2 times as many.
  std::vector<unsigned> depths = {1, 2, 4, 8, 16, 32, 64, 128, 256};
  std::vector<std::uint64_t> puts = {10'000, 1'000'000};
  std::uint64_t entries = 2'000'000;  ///< Of a store that is filled.
  double limit_seconds = 10;          ///< Of each measurement that goes by count.
  std::vector<unsigned> threads = {1, 16};
  std::vector<std::string> ways = {"plain", "posix", "ring"};
};

/// One run of a study: set up, measured so often, concluded. Thread-bound.
class Study {
 public:
  Study() = default;
  Study(const Study&) = delete;
  Study& operator=(const Study&) = delete;
  virtual ~Study() = default;

  /// Makes the files. Called once, first.
  [[nodiscard]] virtual Result<void> set_up() = 0;
  /// Measures everything once more. What an interrupt cuts short is an error.
  [[nodiscard]] virtual Result<void> measure(Figures& figures) = 0;
  /// Draws the ratios from the medians.
  virtual void conclude(Figures& figures) const = 0;
};

/// Which settings a study heeds.
struct StudyOptions {
  bool seconds = false;
  bool file_size = false;
  bool log_size = false;
  bool rounds = false;
  bool pages = false;
  bool depths = false;
  bool puts = false;
  bool entries = false;
  bool limit = false;
  bool threads = false;
  bool ways = false;
  bool fio = false;  ///< One of the ways.
};

struct StudyInfo {
  std::string_view name;
  std::string_view summary;
  StudyOptions options;
  std::unique_ptr<Study> (*make)(const StudySettings& settings);
};

/// The presets, in the order of the help.
[[nodiscard]] std::span<const StudyInfo> presets();
/// What `kvbench device` does.
[[nodiscard]] const StudyInfo& device_study();

// One file each. The settings outlive the study.
[[nodiscard]] std::unique_ptr<Study> make_batch_io_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_checksum_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_coalescing_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_device_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_durability_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_fillrandom_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_fillsync_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_io_depth_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_recovery_study(const StudySettings& settings);
[[nodiscard]] std::unique_ptr<Study> make_vectored_study(const StudySettings& settings);

}  // namespace siltstone::kvbench
