// The file that a study reads and writes: full of random bytes, known to the engine and to plain
// system calls, gone at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <siltstone/error.h>

#include "io/file_descriptor.h"
#include "io/storage.h"
#include "studies/figures.h"
#include "studies/study.h"
#include "work_dir.h"

namespace siltstone::kvbench {

/// One file, by both roads.
struct OpenedTwice {
  std::unique_ptr<io::File> file;
  io::FileDescriptor descriptor;

  /// Opens a file in this directory, and makes it if it is missing. `plain_flags` are for the
  /// descriptor alone: O_DSYNC. It bypasses the page cache exactly if the engine's file does.
  [[nodiscard]] static Result<OpenedTwice> open(const std::string& dir, std::string_view name,
                                                bool direct, int plain_flags = 0);
};

class TestFile {
 public:
  /// Makes a directory below settings.dir, and in it a file of `bytes`, a multiple of 1 MiB, that
  /// bypasses the page cache where the file system can; synced.
  [[nodiscard]] static Result<TestFile> make(const StudySettings& settings, std::string_view label,
                                             std::uint64_t bytes);

  [[nodiscard]] const std::string& dir() const noexcept { return dir_.path(); }
  [[nodiscard]] std::string path() const { return dir_.path() + "/data"; }
  [[nodiscard]] io::File& file() const noexcept { return *opened_.file; }
  [[nodiscard]] int descriptor() const noexcept { return opened_.descriptor.get(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// Says what to know of figures from this file.
  void note(Figures& figures) const;

 private:
  TestFile(WorkDir dir, OpenedTwice opened, std::uint64_t bytes)
      : dir_(std::move(dir)), opened_(std::move(opened)), bytes_(bytes) {}

  WorkDir dir_;  // first: removed when all is closed
  OpenedTwice opened_;
  std::uint64_t bytes_;
};

}  // namespace siltstone::kvbench
