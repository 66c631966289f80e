// What a store was asked to be, after the builder checked it.
#pragma once

#include <string>

#include <siltstone/options.h>

#include "io/uring_storage.h"

namespace siltstone::db {

struct Settings {
  std::string dir;
  bool create_if_missing = true;
  bool read_only = false;
  Compression compression = Compression::none;
  RecoveryMode recovery = RecoveryMode::strict;
  /// Anything but posix needs the files of the kernel, in the system's environment. Never automatic
  /// without the builder: a simulated disk has no rings.
  IoBackend io_backend = IoBackend::posix;
  io::UringOptions ring = {};
};

}  // namespace siltstone::db
