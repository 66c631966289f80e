// The storage whose queues are rings where the machine and its sandbox allow them, and plain calls
// where not: never a failure, and the reasons are kept.
#pragma once

#include <memory>
#include <optional>

#include <siltstone/error.h>

#include "io/storage.h"
#include "io/uring_state.h"

namespace siltstone::io {

/// Beyond this the kernel makes no ring larger.
inline constexpr unsigned kMaxRingDepth = 32768;

struct UringOptions {
  /// Requests under way in one ring, at least, from 1 to kMaxRingDepth. Costs about 100 bytes each.
  unsigned ring_depth = 128;
  /// Let a thread of the kernel take the requests: no system call to submit, but that thread spins.
  bool sqpoll = false;
  /// Poll the device instead of waiting for its interrupt; for direct I/O on devices that can.
  bool iopoll = false;
};

/// What came of the options.
struct UringReport {
  unsigned depth = 0;      ///< Of the rings, as the kernel made them; 0 when there are none.
  bool exclusive = false;  ///< Rings of one thread run completions only when that thread asks.
  bool sqpoll = false;
  bool iopoll = false;
  std::optional<Error> why_no_ring;
  std::optional<Error> why_no_sqpoll;  ///< When it was asked for.
  std::optional<Error> why_no_iopoll;  ///< The same; known after the first direct transfer.
};

/// Thread-safe; outlives its queues. Files and directories are those of the posix storage.
class UringStorage final : public Storage {
 public:
  /// Proves a ring with real operations; what does not work is done without from here on.
  explicit UringStorage(const UringOptions& options);

  [[nodiscard]] UringReport report() const;
  [[nodiscard]] UringStatistics statistics() const noexcept;

  Result<std::unique_ptr<Directory>> open_directory(std::string_view path) override;
  Result<void> make_directory(std::string_view path) override;
  Result<std::unique_ptr<Queue>> make_queue(std::size_t depth) override;

 private:
  UringReport report_;                 // as of the proof
  std::unique_ptr<UringState> state_;  // null where there are no rings
  std::unique_ptr<Ring> anchor_;       // its kernel thread serves all rings, with sqpoll
};

}  // namespace siltstone::io
