// Tests over many seeds. Which seeds can be said on the command line of every test executable:
//   tests/sim_tests --seeds=1000..2000      instead of the number that each test runs by itself
//   tests/sim_tests --test-case="..." --seed=17
// Each failing check prints the second form as its repro line.
#pragma once

#include <cstdint>
#include <string>

#include <doctest/doctest.h>

namespace siltstone::support {

struct SeedRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;  ///< Exclusive.
};

/// The seeds of the command line; [0, count) when it names none.
[[nodiscard]] SeedRange seeds_to_run(std::uint64_t count) noexcept;
/// The command that runs this seed of the running test case again, alone.
[[nodiscard]] std::string repro(std::uint64_t seed);
/// How many checks have failed in this process so far. Thread-safe.
[[nodiscard]] std::uint64_t failed_checks() noexcept;

/// Calls body(seed) for each seed; ends at the first whose body leaves a check failed.
template <typename Body>
void for_each_seed(std::uint64_t count, Body body) {
  const SeedRange range = seeds_to_run(count);
  for (std::uint64_t seed = range.first; seed < range.end; ++seed) {
    INFO("repro: ", repro(seed));
    const std::uint64_t failed = failed_checks();
    body(seed);
    if (failed_checks() != failed) return;
  }
}

}  // namespace siltstone::support
