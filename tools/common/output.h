// Data goes to stdout, everything about it to stderr. Failures to write stdout (a full disk) are
// remembered by stdio and reported once, at the end, by finish_output().
#pragma once

#include <string_view>

#include <fmt/format.h>

namespace siltstone::tools {

/// Writes data to stdout, buffered.
void write_out(std::string_view text) noexcept;

template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  fmt::memory_buffer line;
  fmt::format_to(fmt::appender(line), format, std::forward<Args>(args)...);
  write_out({line.data(), line.size()});
}

/// Writes "PROGRAM: TEXT" and a newline to stderr, after what stdout has buffered.
void complain(std::string_view text) noexcept;

/// True when everything printed so far reached its file; complains if not.
[[nodiscard]] bool finish_output() noexcept;

}  // namespace siltstone::tools
