// The edge of the API: whatever memory could not be had inside becomes an error of the call.
#pragma once

#include <new>
#include <utility>

#include <siltstone/error.h>

namespace siltstone::db {

/// The result of `call`, which returns a Result and throws nothing but std::bad_alloc.
template <typename Call>
auto guarded(Call&& call) noexcept -> decltype(call()) {
  try {
    return std::forward<Call>(call)();
  } catch (const std::bad_alloc&) {
    return std::unexpected(
        Error(ErrorCode::out_of_memory, "the call needs more memory than there is"));
  }
}

}  // namespace siltstone::db
