// What stdout can show.
#pragma once

namespace siltstone::tools {

/// True on a terminal, unless NO_COLOR is set or TERM is "dumb".
[[nodiscard]] bool stdout_takes_colours() noexcept;

}  // namespace siltstone::tools
