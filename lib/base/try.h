// SILT_TRY(expr): the value of a Result, or return its error from the enclosing function.
// A GNU statement expression, which both supported compilers have; C++ has no operator for it yet.
#pragma once

#include <expected>
#include <type_traits>
#include <utility>

#define SILT_TRY(expression)                                  \
  (__extension__({                                            \
    auto silt_result = (expression);                          \
    if (!silt_result) [[unlikely]]                            \
      return std::unexpected(std::move(silt_result).error()); \
    ::siltstone::base::take(std::move(silt_result));          \
  }))

namespace siltstone::base {

template <typename T, typename E>
T take(std::expected<T, E>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace siltstone::base
