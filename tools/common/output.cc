// stdio does the buffering; it flushes at exit, and before every complaint so that the two streams
// read in order on a terminal.
#include "common/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace siltstone::tools {

void write_out(std::string_view text) noexcept { std::fwrite(text.data(), 1, text.size(), stdout); }

void complain(std::string_view text) noexcept {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %.*s\n", program_invocation_short_name, static_cast<int>(text.size()),
               text.data());
}

bool finish_output() noexcept {
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return true;
  std::fprintf(stderr, "%s: writing the output failed: %s\n", program_invocation_short_name,
               std::strerror(errno));
  return false;
}

}  // namespace siltstone::tools
