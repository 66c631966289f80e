// See posix_call.h. The calls go through descriptors above 2 only, which PosixFile sees to.
#include "io/posix_call.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "io/posix_file.h"

namespace siltstone::io {
namespace {

struct Arguments {
  int descriptor;
  const iovec* buffers;
  int count;
  off_t offset;
};

Arguments arguments_of(const Request& request) noexcept {
  return {
      .descriptor = static_cast<const PosixFile*>(request.file)->descriptor(),
      .buffers = request.buffers.data(),
      .count = static_cast<int>(request.buffers.size()),
      .offset = static_cast<off_t>(request.offset),
  };
}

std::int64_t result_of(ssize_t returned) noexcept { return returned >= 0 ? returned : -errno; }

// An interrupted sync must not look like an interrupted write, which would be tried again: the
// error it had to report may be gone.
std::int64_t write_then_sync(const Arguments& to) noexcept {
  const std::int64_t written = result_of(pwritev(to.descriptor, to.buffers, to.count, to.offset));
  if (written <= 0) return written;
  const std::int64_t synced = result_of(fdatasync(to.descriptor));
  if (synced == 0) return written;
  return synced == -EINTR ? -EIO : synced;
}

std::int64_t write_durably(const Arguments& to) noexcept {
  const std::int64_t written =
      result_of(pwritev2(to.descriptor, to.buffers, to.count, to.offset, RWF_DSYNC));
  return written == -EOPNOTSUPP ? write_then_sync(to) : written;
}

}  // namespace

bool offset_fits(const Request& request) noexcept {
  return request.offset <= std::uint64_t{std::numeric_limits<off_t>::max()};
}

std::int64_t carry_out(const Request& request) noexcept {
  if (!offset_fits(request)) return -EINVAL;
  const Arguments to = arguments_of(request);
  switch (request.opcode) {
    case Opcode::read: return result_of(preadv(to.descriptor, to.buffers, to.count, to.offset));
    case Opcode::write:
      if (request.durable) return write_durably(to);
      return result_of(pwritev(to.descriptor, to.buffers, to.count, to.offset));
    case Opcode::sync: return result_of(fdatasync(to.descriptor));
  }
  return -EINVAL;
}

std::int64_t read_cached(const Request& request) noexcept {
  if (!offset_fits(request)) return -EINVAL;
  const Arguments to = arguments_of(request);
  const std::int64_t result =
      result_of(preadv2(to.descriptor, to.buffers, to.count, to.offset, RWF_NOWAIT));
  return result == -EOPNOTSUPP ? -EAGAIN : result;
}

}  // namespace siltstone::io
