// The exit codes of the tools: the same in all of them, and promised to scripts.
#pragma once

#include <siltstone/error.h>

namespace siltstone::tools {

enum ExitCode : int {
  kExitOk = 0,
  kExitNotFound = 1,       ///< There is no such store, or no such key.
  kExitUsage = 2,          ///< The arguments make no sense.
  kExitCorruption = 3,     ///< Stored bytes are not what was written.
  kExitIo = 4,             ///< The system failed an operation, or the store is beyond this build.
  kExitBusy = 5,           ///< Another process has the store open for writing.
  kExitInterrupted = 130,  ///< SIGINT or SIGTERM; what was known by then has been printed.
};

/// The exit code for a failed call of the library.
[[nodiscard]] constexpr ExitCode exit_code_for(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument: return kExitUsage;
    case ErrorCode::busy: return kExitBusy;
    case ErrorCode::corruption: return kExitCorruption;
    default: return kExitIo;
  }
}

}  // namespace siltstone::tools
