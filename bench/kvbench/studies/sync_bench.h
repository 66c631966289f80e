// How often in a second 4 KiB can be made durable, by each method that a log may use.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "studies/backends.h"
#include "studies/test_file.h"

namespace siltstone::kvbench {

struct SyncMethod {
  std::string_view name;
  bool append;   ///< The file grows; else blocks that were written before are written again.
  bool direct;   ///< Past the page cache,
  bool durable;  ///< and durable by itself; else fdatasync follows.
};

inline constexpr SyncMethod kAppend{"append, fdatasync", true, false, false};
inline constexpr SyncMethod kOverwrite{"overwrite, fdatasync", false, false, false};
inline constexpr SyncMethod kDirectOverwrite{"overwrite, O_DIRECT|O_DSYNC", false, true, true};
inline constexpr std::array kSyncMethods{kAppend, kOverwrite, kDirectOverwrite};

/// Thread-bound.
class SyncBench {
 public:
  /// Overwrites the first MiB of `file`, and appends to new files beside it. Borrows it.
  [[nodiscard]] static Result<SyncBench> make(const TestFile& file);

  /// Syncs per second, one after the other: by plain calls, or by the engine's I/O layer.
  [[nodiscard]] Result<double> plain(const SyncMethod& method, double seconds);
  [[nodiscard]] Result<double> engine(const SyncMethod& method, const Backend& backend,
                                      double seconds);

 private:
  SyncBench(const TestFile& file, base::AlignedBuffer page) : file_(file), page_(std::move(page)) {}
  [[nodiscard]] Result<OpenedTwice> open(const SyncMethod& method);
  [[nodiscard]] std::uint64_t next_place(const SyncMethod& method);

  const TestFile& file_;
  base::AlignedBuffer page_;
  std::uint64_t places_ = 0;
  unsigned appended_ = 0;  // files made for appending
};

}  // namespace siltstone::kvbench
