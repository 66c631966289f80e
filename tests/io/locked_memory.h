// Whether this process may lock memory, which rings and what they know by heart are made of.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace siltstone::io {

/// Enough for every test of rings at once. Without it rings are smaller or missing, which is no
/// failure, but leaves nothing to be tested.
[[nodiscard]] inline bool may_lock_ample_memory() {
  const std::vector<std::byte> memory(std::size_t{1} << 20);
  // The call itself: the sanitizers' mlock() does nothing and says that it went well.
  if (syscall(SYS_mlock, memory.data(), memory.size()) != 0) return false;
  syscall(SYS_munlock, memory.data(), memory.size());
  return true;
}

}  // namespace siltstone::io
