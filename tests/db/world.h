// A simulated machine to open stores on.
#pragma once

#include <atomic>
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

/// How many keys there are.
[[nodiscard]] inline std::uint64_t count(Db& db) {
  std::uint64_t found = 0;
  for (auto it = db.iterate(); it.valid(); it.next()) ++found;
  return found;
}

/// Lets time pass for everybody, as sleeping does.
inline void sleep(support::Simulation& sim, io::Duration time) {
  const std::atomic<std::uint32_t> word{0};
  const io::Time until = sim.clock().now() + time;
  while (sim.clock().now() < until) sim.parker().wait(word, 0, until);
}

}  // namespace siltstone::db
