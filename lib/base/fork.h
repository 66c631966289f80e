// Which process this is. After a fork the child has copies of all memory, but neither the threads
// nor the right to what they were doing: whatever belongs to one process remembers its generation,
// and is dead when it finds another.
#pragma once

#include <cstdint>

namespace siltstone::base {

/// Different in a process and in the children that it forks from the first call on. Costs a load.
[[nodiscard]] std::uint64_t fork_generation() noexcept;

}  // namespace siltstone::base
