// Where the reports go. Nobody reads on when a pipe is closed, so a failed write ends a command.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <siltstone/error.h>

namespace siltstone::kvbench {

/// Where the text for people goes when the JSON goes to `json_path`: stdout, unless the JSON is
/// there.
[[nodiscard]] std::FILE* text_stream(std::string_view json_path) noexcept;

/// Prints now, unbuffered. An error when nobody can read it.
[[nodiscard]] Result<void> tell(std::FILE* out, std::string_view text);

/// Writes to a file, or to stdout for "-"; complains and is false when it cannot.
[[nodiscard]] bool write_json(const std::string& path, const std::string& text);

}  // namespace siltstone::kvbench
