// kvdump: see what is inside a store. The table of verbs.
#include <cerrno>
#include <exception>
#include <string>

#include <siltstone/version.h>
#include <CLI/CLI.hpp>

#include "common/interrupt.h"
#include "common/output.h"
#include "io/storage.h"
#include "verbs.h"

namespace siltstone::kvdump {

tools::ExitCode exit_code_of(const Error& error) noexcept {
  // The only argument that the library sees is the directory.
  const bool is_no_store = error.code() == ErrorCode::invalid_argument ||
                           error.os_error() == ENOTDIR || io::is_not_found(error);
  return is_no_store ? tools::kExitNotFound : tools::exit_code_for(error.code());
}

int exit_code_of(const Result<int>& outcome) noexcept {
  if (outcome) return *outcome;
  tools::complain(outcome.error().to_string());
  return exit_code_of(outcome.error());
}

namespace {

constexpr void (*kVerbs[])(CLI::App& app, int& exit_code) = {
    add_page, add_pages, add_scan, add_superblock, add_wal,
};

int parse_and_run(int argc, char** argv) {
  CLI::App app(
      "Shows what is inside a Siltstone store. Never writes; works beside the process that uses "
      "it.",
      "kvdump");
  app.set_version_flag("--version", std::string("kvdump ") + siltstone::version());
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 ok, 1 no such store, 2 usage, 3 corruption found, 4 I/O error, 5 busy,\n"
      "130 interrupted.");
  int exit_code = tools::kExitOk;
  for (const auto add : kVerbs) add(app, exit_code);
  tools::catch_interrupts();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? tools::kExitOk : tools::kExitUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace siltstone::kvdump

int main(int argc, char** argv) {
  using namespace siltstone;
  try {
    const int exit_code = kvdump::parse_and_run(argc, argv);
    return tools::finish_output() ? exit_code : tools::kExitIo;
  } catch (const std::exception& error) {
    tools::complain(error.what());
    return tools::kExitIo;
  }
}
