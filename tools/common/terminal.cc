// NO_COLOR counts when it is set and not empty: https://no-color.org
#include "common/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace siltstone::tools {

bool stdout_takes_colours() noexcept {
  // NOLINTBEGIN(concurrency-mt-unsafe): nothing here changes the environment
  const char* no_colour = std::getenv("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
  // NOLINTEND(concurrency-mt-unsafe)
  return isatty(STDOUT_FILENO) == 1;
}

}  // namespace siltstone::tools
