// The directory of one store under test: new, empty, and gone with all it holds at the end.
#pragma once

#include <string>
#include <string_view>

#include <siltstone/error.h>

namespace siltstone::kvbench {

class WorkDir {
 public:
  /// Makes DIR/kvbench-LABEL-XXXXXX, where the Xs are random. DIR must exist. With `keep` it stays.
  [[nodiscard]] static Result<WorkDir> create(const std::string& dir, std::string_view label,
                                              bool keep);
  WorkDir(WorkDir&& other) noexcept;
  WorkDir& operator=(WorkDir&&) = delete;
  ~WorkDir();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  WorkDir(std::string path, bool keep) noexcept;

  std::string path_;  // empty: moved from
  bool keep_;
};

}  // namespace siltstone::kvbench
