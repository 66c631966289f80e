// The machine, the file system and the build that figures come from: without them they mean
// nothing.
#pragma once

#include <string>

namespace siltstone::kvbench {

struct Host {
  std::string cpu;
  unsigned cores = 0;  ///< That this process may use.
  double load = 0;     ///< Threads that wanted to run over the last minute, on average.
  std::string kernel;
  std::string file_system;  ///< Type, such as "ext4"; "unknown" when the kernel does not tell.
  std::string device;       ///< What is mounted, such as "/dev/vda1".
};

/// `dir` is where the stores are made.
[[nodiscard]] Host describe_host(const std::string& dir);

struct Build {
  std::string type;  ///< Meson's build type and optimization, such as "release -O3".
  std::string compiler;
  bool assertions = false;
  /// Why its figures would mislead; empty when they do not.
  std::string unfit;
};

[[nodiscard]] Build describe_build();

}  // namespace siltstone::kvbench
