// What a store was asked to be, after the builder checked it.
#pragma once

#include <string>

#include <siltstone/options.h>

namespace siltstone::db {

struct Settings {
  std::string dir;
  bool create_if_missing = true;
  bool read_only = false;
  Compression compression = Compression::none;
  RecoveryMode recovery = RecoveryMode::strict;
};

}  // namespace siltstone::db
