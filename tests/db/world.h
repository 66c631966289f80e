// A simulated machine to open stores on.
#pragma once

#include <cstdint>
#include <utility>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "io/environment.h"
#include "support/sim_storage.h"
#include "support/simulation.h"

namespace siltstone::db {

struct World {
  explicit World(std::uint64_t seed) : sim(seed) {}
  /// Starts with this disk.
  World(support::Disk disk, std::uint64_t seed) : sim(seed) { storage.restart(std::move(disk)); }

  [[nodiscard]] Result<Db> try_open(const Settings& settings = {.dir = "db"}) {
    return Access::open(settings, sim.environment());
  }
  [[nodiscard]] Db open(const Settings& settings = {.dir = "db"}) {
    auto db = try_open(settings);
    if (!db) FAIL(db.error().to_string());
    return std::move(*db);
  }

  support::Simulation sim;
  support::SimStorage& storage = sim.storage();
};

}  // namespace siltstone::db
