// SIGINT and SIGTERM as a flag that loops look at, so that a tool can end with what it knows.
#pragma once

namespace siltstone::tools {

/// From now on the first SIGINT or SIGTERM only sets the flag; a second one ends the process.
/// Call once, before any thread is started.
void catch_interrupts() noexcept;

/// From now on writing into a pipe that nobody reads fails with EPIPE and does not end the process:
/// for tools that have something to clean up.
void ignore_closed_pipes() noexcept;

/// True once a signal came. Thread-safe; costs one relaxed load.
[[nodiscard]] bool interrupted() noexcept;

}  // namespace siltstone::tools
