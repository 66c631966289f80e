// kvbench: honest measurement. The commands, each in a file of its own.
#include <exception>

#include <siltstone/version.h>
#include <CLI/CLI.hpp>

#include "common/exit_code.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "run_command.h"
#include "studies/study_command.h"

namespace siltstone::kvbench {
namespace {

constexpr void (*kCommands[])(CLI::App& app, int& exit_code) = {
    add_run_command,
    add_preset_command,
    add_device_command,
};

int parse_and_run(int argc, char** argv) {
  CLI::App app("Measures Siltstone and other storage engines under the same load.", "kvbench");
  app.set_version_flag("--version", std::string("kvbench ") + siltstone::version());
  app.require_subcommand(1);
  int exit_code = tools::kExitOk;
  for (const auto add : kCommands) add(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? tools::kExitOk : tools::kExitUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace siltstone::kvbench

int main(int argc, char** argv) {
  using namespace siltstone;
  // Or a closed pipe would leave the files of a measurement behind.
  tools::ignore_closed_pipes();
  try {
    const int exit_code = kvbench::parse_and_run(argc, argv);
    return tools::finish_output() ? exit_code : tools::kExitIo;
  } catch (const std::exception& error) {
    tools::complain(error.what());
    return tools::kExitIo;
  }
}
