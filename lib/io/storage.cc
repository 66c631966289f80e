// What the seam itself answers: one question about errors, and what few files can do.
#include "io/storage.h"

#include <cerrno>

#include "base/error.h"

namespace siltstone::io {

Result<std::unique_ptr<Mapping>> File::map(std::size_t) {
  return base::fail(ErrorCode::unsupported, "this file cannot be mapped").path(path());
}

bool is_not_found(const Error& error) noexcept { return error.os_error() == ENOENT; }

}  // namespace siltstone::io
