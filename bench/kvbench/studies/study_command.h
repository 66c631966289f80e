// kvbench preset and kvbench device: run a study and print what it found.
#pragma once

#include <CLI/App.hpp>

namespace siltstone::kvbench {

/// Each adds its command to `app`; when it was parsed it runs, and sets `exit_code`.
void add_preset_command(CLI::App& app, int& exit_code);
void add_device_command(CLI::App& app, int& exit_code);

}  // namespace siltstone::kvbench
