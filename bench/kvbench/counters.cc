// /proc is read as text: "name: number" lines.
#include "counters.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace siltstone::kvbench {
namespace {

std::optional<std::uint64_t> field(const char* file, std::string_view name) {
  std::ifstream lines(file);
  std::string word;
  while (lines >> word) {
    std::uint64_t value = 0;
    if (word == name && lines >> value) return value;
  }
  return std::nullopt;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

ProcessCounters read_process_counters() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return {.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime),
          .written_bytes = field("/proc/self/io", "write_bytes:")};
}

bool reset_peak_rss() noexcept {
  constexpr char kResetPeak[] = "5";
  std::ofstream file("/proc/self/clear_refs");
  return static_cast<bool>(file << kResetPeak << std::flush);
}

std::optional<std::uint64_t> read_peak_rss() {
  const auto kibibytes = field("/proc/self/status", "VmHWM:");
  if (!kibibytes) return std::nullopt;
  return *kibibytes * 1024;
}

std::optional<std::uint64_t> disk_bytes(const std::string& dir) {
  constexpr std::uint64_t kStatBlockBytes = 512;
  std::error_code error;
  std::uint64_t bytes = 0;
  for (std::filesystem::recursive_directory_iterator it(dir, error), end; !error && it != end;
       it.increment(error)) {
    struct stat info = {};
    if (lstat(it->path().c_str(), &info) != 0) return std::nullopt;
    if (S_ISREG(info.st_mode))
      bytes += static_cast<std::uint64_t>(info.st_blocks) * kStatBlockBytes;
  }
  if (error) return std::nullopt;
  return bytes;
}

}  // namespace siltstone::kvbench
