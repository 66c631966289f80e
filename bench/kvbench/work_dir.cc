// Only what mkdtemp made is ever removed, so no file of anybody else can be lost.
#include "work_dir.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace siltstone::kvbench {

Result<WorkDir> WorkDir::create(const std::string& dir, std::string_view label, bool keep) {
  std::string path = fmt::format("{}/kvbench-{}-XXXXXX", dir, label);
  if (mkdtemp(path.data()) == nullptr) {
    return base::fail_os(errno, "make a directory for the store").path(dir);
  }
  return WorkDir(std::move(path), keep);
}

WorkDir::WorkDir(std::string path, bool keep) noexcept : path_(std::move(path)), keep_(keep) {}

WorkDir::WorkDir(WorkDir&& other) noexcept
    : path_(std::exchange(other.path_, {})), keep_(other.keep_) {}

WorkDir::~WorkDir() {
  if (path_.empty() || keep_) return;
  std::error_code ignored;  // what is left behind carries our name and says so
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace siltstone::kvbench
