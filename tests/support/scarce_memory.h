// Allocations that fail when a test wants them to. The executable lists scarce_memory.cc itself,
// which replaces operator new for all of it.
#pragma once

#include <cstdint>

namespace siltstone::support {

/// While one lives, so many allocations of this thread succeed and all others throw bad_alloc. Does
/// not nest.
class ScarceMemory {
 public:
  explicit ScarceMemory(std::int64_t allowed) noexcept;
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;
  ~ScarceMemory() { end(); }

  /// Ends the scarcity before its time.
  static void end() noexcept;
};

}  // namespace siltstone::support
