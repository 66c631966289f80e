// stdio does the buffering; it flushes at exit, and before every complaint so that the two streams
// read in order on a terminal.
#include "common/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace siltstone::tools {

// A failure stays in the stream, where finish_output() finds it.
void write_out(std::string_view text) noexcept {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stdout));
}

void complain(std::string_view text) noexcept {
  static_cast<void>(std::fflush(stdout));
  static_cast<void>(std::fprintf(stderr, "%s: %.*s\n", program_invocation_short_name,
                                 static_cast<int>(text.size()), text.data()));
}

bool finish_output() noexcept {
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return true;
  static_cast<void>(std::fprintf(stderr, "%s: writing the output failed: %s\n",
                                 program_invocation_short_name, strerrordesc_np(errno)));
  return false;
}

}  // namespace siltstone::tools
