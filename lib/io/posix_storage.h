// The storage that every Linux has: files through system calls, at most a few threads for parallel
// reads.
#pragma once

#include "io/storage.h"

namespace siltstone::io {

/// Thread-safe; lives for ever. The I/O threads run only while one of its queues exists.
[[nodiscard]] Storage& posix_storage() noexcept;

}  // namespace siltstone::io
