// A simulated machine to open stores on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "io/environment.h"
#include "support/rng.h"
#include "support/sim_storage.h"

namespace siltstone::db {

class SimEntropy final : public io::Entropy {
 public:
  explicit SimEntropy(std::uint64_t seed) : rng_(seed) {}
  void fill(std::span<std::byte> out) noexcept override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(rng_.next());
  }

 private:
  support::Rng rng_;
};

struct World {
  explicit World(std::uint64_t seed) : storage(seed), entropy(seed) {}
  World(support::Disk disk, std::uint64_t seed) : storage(std::move(disk), seed), entropy(seed) {}

  [[nodiscard]] io::Environment environment() {
    return {.storage = &storage,
            .clock = &storage.clock(),
            .executor = &io::system_executor(),
            .parker = &io::system_parker(),
            .entropy = &entropy};
  }
  [[nodiscard]] Result<Db> try_open(const Settings& settings = {.dir = "db"}) {
    return Access::open(settings, environment());
  }
  [[nodiscard]] Db open(const Settings& settings = {.dir = "db"}) {
    auto db = try_open(settings);
    if (!db) FAIL(db.error().to_string());
    return std::move(*db);
  }

  support::SimStorage storage;
  SimEntropy entropy;
};

}  // namespace siltstone::db
