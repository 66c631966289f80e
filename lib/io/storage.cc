// The one question about errors that the seam itself answers.
#include "io/storage.h"

#include <cerrno>

namespace siltstone::io {

bool is_not_found(const Error& error) noexcept { return error.os_error() == ENOENT; }

}  // namespace siltstone::io
