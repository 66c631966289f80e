// The version of the headers, to compare with the version of the library at run time.
#pragma once

#include <siltstone/export.h>

#define SILT_VERSION_MAJOR 0
#define SILT_VERSION_MINOR 1
#define SILT_VERSION_PATCH 0
#define SILT_VERSION_STRING "0.1.0"

namespace siltstone {

/// The version of the linked library, "major.minor.patch". Thread-safe; the text lives for ever.
[[nodiscard]] SILT_EXPORT const char* version() noexcept;

}  // namespace siltstone
