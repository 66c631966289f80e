// See arguments.h.
#include "arguments.h"

#include <cstdlib>

namespace siltstone::kvbench {

std::string default_dir() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
  const char* dir = std::getenv("TMPDIR");
  return dir != nullptr && *dir != '\0' ? dir : "/var/tmp";
}

CLI::Validator size_text() {
  CLI::Validator size = CLI::AsSizeValue(false);
  return size.description("");
}

}  // namespace siltstone::kvbench
