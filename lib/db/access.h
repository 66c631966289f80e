// A door for tests and tools that link the internal library: a Db in a world of their choosing.
#pragma once

#include <siltstone/db.h>
#include <siltstone/error.h>

#include "db/engine.h"
#include "db/settings.h"
#include "io/environment.h"

namespace siltstone::db {

struct Access {
  /// As Builder::build(), in `environment`, which must outlive the Db. `settings` are not checked.
  [[nodiscard]] static Result<Db> open(const Settings& settings,
                                       const io::Environment& environment) noexcept;
  /// The engine of an open Db; lives as long as the Db.
  [[nodiscard]] static const Engine& engine(const Db& db) noexcept { return *db.engine_; }
};

}  // namespace siltstone::db
