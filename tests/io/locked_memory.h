// Whether this process may lock memory, which rings and what they know by heart are made of.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <vector>

namespace siltstone::io {

/// Enough for every test of rings at once. Without it rings are smaller or missing, which is no
/// failure, but leaves nothing to be tested.
[[nodiscard]] inline bool may_lock_ample_memory() {
  const std::vector<std::byte> memory(std::size_t{1} << 20);
  if (mlock(memory.data(), memory.size()) != 0) return false;
  munlock(memory.data(), memory.size());
  return true;
}

}  // namespace siltstone::io
