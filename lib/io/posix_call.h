// One request as one system call, for the plain queue and for what is better kept off a ring.
#pragma once

#include <cstdint>

#include "io/storage.h"

namespace siltstone::io {

/// Carries the request out, waiting for the device, and returns what its `result` becomes: bytes
/// moved or -errno, short or interrupted as the kernel left it. The file is a PosixFile. A durable
/// write where the file system refuses RWF_DSYNC is a write and an fdatasync. Thread-safe.
[[nodiscard]] std::int64_t carry_out(const Request& request) noexcept;

/// False for an offset that no file has; such a request gets EINVAL. To some calls of the kernel
/// the largest of all would mean "where the file stands".
[[nodiscard]] bool offset_fits(const Request& request) noexcept;

/// carry_out() for a read, but only if the page cache has the bytes: -EAGAIN where it would wait,
/// and where nobody can tell.
[[nodiscard]] std::int64_t read_cached(const Request& request) noexcept;

}  // namespace siltstone::io
