// What the kernel counts about this process and about a directory. A figure that cannot be had is
// absent, never guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace siltstone::kvbench {

struct ProcessCounters {
  double cpu_seconds = 0;  ///< User and system time of all threads.
  /// Bytes this process caused to be written to a block device (write_bytes of /proc/self/io).
  std::optional<std::uint64_t> written_bytes;
};
[[nodiscard]] ProcessCounters read_process_counters();

/// Starts the peak of the resident memory anew; false where the kernel does not let us.
[[nodiscard]] bool reset_peak_rss() noexcept;
/// Largest resident memory since then, in bytes.
[[nodiscard]] std::optional<std::uint64_t> read_peak_rss();

/// Bytes that the files below a directory take on disk.
[[nodiscard]] std::optional<std::uint64_t> disk_bytes(const std::string& dir);

}  // namespace siltstone::kvbench
