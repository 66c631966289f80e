// kvbench run: workloads on engines, one after the other, in one process.
#pragma once

#include <CLI/App.hpp>

namespace siltstone::kvbench {

/// Adds `run` to the commands of `app`. Once it was parsed and run, `exit_code` is set.
void add_run_command(CLI::App& app, int& exit_code);

}  // namespace siltstone::kvbench
