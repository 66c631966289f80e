// From /proc and uname, and from what the compiler was told.
#include "host.h"

#include <sched.h>
#include <sys/utsname.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#ifdef __has_feature
#define KVBENCH_HAS_FEATURE(name) __has_feature(name)
#else
#define KVBENCH_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    KVBENCH_HAS_FEATURE(address_sanitizer) || KVBENCH_HAS_FEATURE(thread_sanitizer)
#define KVBENCH_SANITIZED 1
#else
#define KVBENCH_SANITIZED 0
#endif

namespace siltstone::kvbench {
namespace {

std::string cpu_model() {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("model name")) continue;
    const auto colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

unsigned usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 0;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

double load_of_last_minute() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  return load;
}

/// True when `path` is `mount` or lies below it.
bool is_below(const std::string& path, const std::string& mount) {
  if (mount == "/" || path == mount) return true;
  return path.starts_with(mount) && path[mount.size()] == '/';
}

/// Fills in the file system of the longest mount point above `dir`. A line of mountinfo is
///   id parent major:minor root MOUNT options [fields] - TYPE SOURCE options
void find_mount(const std::string& dir, Host& host) {
  std::error_code error;
  const std::string path = std::filesystem::canonical(dir, error).string();
  std::size_t longest = 0;
  std::ifstream lines("/proc/self/mountinfo");
  for (std::string line; !error && std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string mount;
    fields >> skipped >> skipped >> skipped >> skipped >> mount;
    if (mount.size() < longest || !is_below(path, mount)) continue;
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    longest = mount.size();
    std::istringstream source(line.substr(dash + 3));
    source >> host.file_system >> host.device;
  }
}

}  // namespace

Host describe_host(const std::string& dir) {
  utsname system = {};
  uname(&system);
  Host host{
      .cpu = cpu_model(),
      .cores = usable_cores(),
      .load = load_of_last_minute(),
      .kernel = fmt::format("{} {} {}", system.sysname, system.release, system.machine),
      .file_system = "unknown",
      .device = "unknown",
  };
  find_mount(dir, host);
  return host;
}

Build describe_build() {
  Build build;
  build.type = fmt::format("{} -O{}", KVBENCH_BUILD_TYPE, KVBENCH_OPTIMIZATION);
  build.compiler = KVBENCH_COMPILER;
#ifndef NDEBUG
  build.assertions = true;
#endif
  if constexpr (KVBENCH_SANITIZED != 0) {
    build.unfit = "it was built with a sanitizer";
  } else {
#ifndef __OPTIMIZE__
    build.unfit = "it was built without optimization";
#endif
  }
  return build;
}

}  // namespace siltstone::kvbench
