// See console.h.
#include "console.h"

#include <cerrno>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "common/output.h"

namespace siltstone::kvbench {

std::FILE* text_stream(std::string_view json_path) noexcept {
  return json_path == "-" ? stderr : stdout;
}

Result<void> tell(std::FILE* out, std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  if (written && std::fflush(out) == 0) return {};
  return base::fail_os(errno, "write the report");
}

bool write_json(const std::string& path, const std::string& text) {
  if (path == "-") {
    tools::write_out(text);
    return true;
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"),
                                                             std::fclose);
  const bool written =
      file != nullptr && std::fputs(text.c_str(), file.get()) >= 0 && std::fflush(file.get()) == 0;
  if (!written) tools::complain(fmt::format("cannot write {}", path));
  return written;
}

}  // namespace siltstone::kvbench
