// The verbs of kvdump, each in a file of its own, and what they have in common.
#pragma once

#include <siltstone/error.h>
#include <CLI/App.hpp>

#include "common/exit_code.h"

namespace siltstone::kvdump {

/// Each adds its verb to `app`; when it was parsed it runs, and sets `exit_code`.
void add_page(CLI::App& app, int& exit_code);
void add_pages(CLI::App& app, int& exit_code);
void add_scan(CLI::App& app, int& exit_code);
void add_superblock(CLI::App& app, int& exit_code);
void add_wal(CLI::App& app, int& exit_code);

/// The exit code for a store that cannot be read. Nothing that looks like one is kExitNotFound.
[[nodiscard]] tools::ExitCode exit_code_of(const Error& error) noexcept;
/// What a verb came to: its own code, or that of its error, which is complained of.
[[nodiscard]] int exit_code_of(const Result<int>& outcome) noexcept;

}  // namespace siltstone::kvdump
