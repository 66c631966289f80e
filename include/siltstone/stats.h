// What a store tells about itself.
#pragma once

#include <cstdint>
#include <optional>

#include <siltstone/error.h>
#include <siltstone/options.h>

namespace siltstone {

/// One moment of an open store; plain data, the caller's.
struct Stats {
  /// What came of Builder::io_backend(): uring where a ring was proved, else posix.
  IoBackend io_backend = IoBackend::posix;
  /// Why there are no rings although they were asked for: what the kernel or a sandbox refused.
  std::optional<Error> why_no_ring = {};
  /// Requests that fit into one ring, as the kernel made it; 0 without rings.
  std::uint32_t ring_depth = 0;
  bool sqpoll = false;  ///< In force.
  bool iopoll = false;  ///< In force, as far as is known: the first direct transfer proves it.
  std::optional<Error> why_no_sqpoll = {};  ///< Where it was asked for, and there are rings.
  std::optional<Error> why_no_iopoll = {};  ///< The same.
  /// Reads, writes and syncs that rings have carried out since the store was opened.
  std::uint64_t ring_completions = 0;
};

}  // namespace siltstone
