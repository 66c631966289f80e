// Gives a fault that was found in bytes the place where these bytes are.
#pragma once

#include <cstdint>
#include <string_view>

#include <siltstone/error.h>

#include "base/error.h"

namespace siltstone::base {

/// The same error, with path and offset.
[[nodiscard]] inline Error at_place(const Error& error, std::string_view path,
                                    std::uint64_t offset) noexcept {
  auto placed = fail(error.code(), error.message());
  placed.path(path).offset(offset);
  if (error.has_mismatch()) placed.mismatch(error.expected(), error.actual());
  return placed;
}

}  // namespace siltstone::base
