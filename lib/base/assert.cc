// What a failed check does; see assert.h for which check is for what.
#include "base/assert.h"

#include <cstdlib>

#include <fmt/format.h>

namespace siltstone::base {

namespace {
[[gnu::used]] const char* volatile failed_assertion = nullptr;  // for debuggers
}

void assertion_failed(const char* place) noexcept {
  failed_assertion = place;
  std::abort();
}

ErrorBuilder broken_invariant(const char* place) noexcept {
  char text[256];
  const auto end =
      fmt::format_to_n(text, sizeof text, "internal error, please report it: {}", place);
  return fail(ErrorCode::corruption,
              std::string_view(text, static_cast<std::size_t>(end.out - text)));
}

}  // namespace siltstone::base
