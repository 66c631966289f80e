// What the commands say about their options in the same way.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace siltstone::kvbench {

/// Where files are made unless told otherwise: $TMPDIR, or else /var/tmp, since /tmp is memory on
/// many machines.
[[nodiscard]] std::string default_dir();

/// Takes "4KiB" for 4096; says nothing in the help.
[[nodiscard]] CLI::Validator size_text();

/// A range that says nothing in the help: the limits are told when they are passed.
template <typename T>
[[nodiscard]] CLI::Validator within(T lowest, T highest) {
  CLI::Validator range = CLI::Range(lowest, highest);
  return range.description("");
}

}  // namespace siltstone::kvbench
