// FileDescriptor: see file_descriptor.h.
#include "io/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/try.h"

namespace siltstone::io {

Result<FileDescriptor> FileDescriptor::own(int descriptor, std::string_view what,
                                           std::string_view path) {
  if (descriptor < 0) return base::fail_os(errno, what).path(path);
  FileDescriptor owned(descriptor);
  if (descriptor > STDERR_FILENO) return owned;
  return own(fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), what, path);
}

// EINTR and EIO change nothing: the descriptor is gone, and what must last was synced.
FileDescriptor::~FileDescriptor() {
  if (value_ >= 0) close(value_);
}

}  // namespace siltstone::io
