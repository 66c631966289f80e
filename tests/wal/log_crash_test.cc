// Power cuts at every change of the disk, with every way a disk and a file system may lose what was
// not synced: the log holds a prefix of what was drained, with everything acknowledged in it.
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include "support/sim_crash.h"
#include "wal/log.h"
#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;
using support::Crash;

namespace {

/// What the application knows: the order of its commits, and how many of them it was promised.
struct History {
  std::vector<Commit> attempted;
  std::size_t acknowledged = 0;
};

/// Takes what an open found for what happened, if it may have happened.
void decide(History& history, const TestLog& opened) {
  const auto& found = opened.found->commits;
  REQUIRE(found.size() >= history.acknowledged);
  REQUIRE(found.size() <= history.attempted.size());
  history.attempted.resize(found.size());
  REQUIRE(found == history.attempted);
  REQUIRE(std::ranges::is_sorted(opened.found->sequences, std::ranges::less_equal()));
  history.acknowledged = found.size();
}

/// Opens, drains and closes a few times, until something fails. What it does follows from the seed.
bool run(LogWorld& world, History& history, std::uint64_t seed, int opens) {
  support::Rng rng(seed);
  for (int open = 0; open < opens; ++open) {
    auto opened = world.open({.compression = Compression::snappy});
    if (!opened) return false;
    decide(history, *opened);
    for (std::uint64_t group = rng.between(1, 3); group > 0; --group) {
      std::vector<Commit> commits;
      for (std::uint64_t count = rng.between(1, 3); count > 0; --count) {
        // The last size makes a frame of its own, so that a drain has several.
        const std::size_t bytes = std::array{100U, 100U, 9000U, 300'000U}[rng.below(4)];
        commits.push_back(make_commit(history.attempted.size(), bytes));
        history.attempted.push_back(commits.back());
      }
      if (!opened->drain(commits)) return false;
      history.acknowledged = history.attempted.size();
    }
    if (rng.coin() && !opened->log.writer->mark(rng.coin())) return false;
  }
  return true;
}

std::vector<Crash> every_crash() {
  using support::Fill, support::Keep, support::Names;
  std::vector<Crash> crashes;
  for (const Keep keep : {Keep::synced, Keep::everything, Keep::prefix, Keep::all_but_one,
                          Keep::only_one, Keep::random, Keep::torn}) {
    for (const Names names : {Names::strict, Names::ordered, Names::lost}) {
      for (const Fill fill : {Fill::zeros, Fill::stale}) {
        for (const std::uint32_t tear : {512U, 4096U}) {
          crashes.push_back({crashes.size() + 1, keep, names, fill, tear});
        }
      }
    }
  }
  return crashes;
}

/// The power comes back: whatever is there must do, and go on to work.
void check_recovery(support::Disk disk, History history,
                    const support::SimStorageOptions& machine) {
  LogWorld world(std::move(disk), 7, machine);
  REQUIRE(run(world, history, 7, 2));
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == history.attempted);
}

/// The n-th part of them: all kinds of each dimension come round within a few moments.
std::vector<Crash> some_crashes(std::uint64_t n) {
  constexpr std::uint64_t kParts = 11;
  const auto all = every_crash();
  std::vector<Crash> crashes;
  for (std::size_t i = n % kParts; i < all.size(); i += kParts) crashes.push_back(all[i]);
  return crashes;
}

/// For each k, the moment after a run whose k-th mutation was the last.
template <typename Check>
void at_every_mutation(const support::SimStorageOptions& machine, std::uint64_t seed, Check check) {
  bool is_complete = false;
  for (std::uint64_t k = 1; !is_complete; ++k) {
    LogWorld world(seed, machine);
    History history;
    world.storage.cut_power_at_mutation(world.storage.mutations() + k);
    is_complete = run(world, history, seed, 3);
    CAPTURE(k);
    check(world, history);
  }
}

std::array<support::SimStorageOptions, 2> machines() {
  std::array<support::SimStorageOptions, 2> result;
  result[1].direct_io = false;
  return result;
}

}  // namespace

TEST_CASE("log: A2, A3, A4, A5, A14, B1, B2, a power cut anywhere leaves an exact prefix") {
  for (const auto& machine : machines()) {
    std::uint64_t moment = 0;
    at_every_mutation(machine, 3, [&](LogWorld& world, const History& history) {
      const support::Disk disk = world.storage.snapshot();
      for (const Crash& crash : some_crashes(moment++)) {
        const std::string which = crash.to_string();
        CAPTURE(which);
        check_recovery(disk.crashed(crash), history, machine);
      }
    });
  }
}

// Long: the suite `crash` runs it.
TEST_CASE("log: every power cut of many runs leaves an exact prefix" * doctest::skip()) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    for (const auto& machine : machines()) {
      at_every_mutation(machine, seed, [&](LogWorld& world, const History& history) {
        const support::Disk disk = world.storage.snapshot();
        for (const Crash& crash : every_crash()) {
          const std::string which = crash.to_string();
          CAPTURE(which);
          check_recovery(disk.crashed(crash), history, machine);
        }
      });
    }
  }
}

TEST_CASE("log: A8, a power cut while a store is made leaves an empty store or none") {
  for (const auto& machine : machines()) {
    bool is_complete = false;
    for (std::uint64_t k = 1; !is_complete; ++k) {
      LogWorld world(k, machine);
      world.storage.cut_power_at_mutation(world.storage.mutations() + k);
      is_complete = world.open().has_value();
      for (const Crash& crash : every_crash()) {
        LogWorld after(world.storage.snapshot().crashed(crash), k, machine);
        if (!after.storage.exists(kStore)) continue;  // its parent is not ours to sync
        const auto again = after.open();
        REQUIRE_MESSAGE(again, again.error().to_string());
        CHECK(again->found->commits.empty());
      }
    }
  }
}

TEST_CASE("log: A9, recovery that is cut short, again and again, recovers the same") {
  for (const auto& machine : machines()) {
    at_every_mutation(machine, 5, [&](LogWorld& world, const History& history) {
      support::Disk disk = world.storage.snapshot().crashed(Crash::from_seed(history.acknowledged));
      std::optional<std::vector<Commit>> decided;  // what the first open that ended well found
      for (std::uint64_t k = 1; k <= 20; ++k) {
        LogWorld after(std::move(disk), k, machine);
        after.storage.cut_power_at_mutation(k % 10 + 1);
        if (const auto opened = after.open()) {
          if (!decided) decided = opened->found->commits;
          REQUIRE(opened->found->commits == *decided);
        }
        disk = after.storage.snapshot().crashed(Crash::from_seed(k));
      }
      REQUIRE(decided);
      History known{history.attempted, history.acknowledged};
      known.attempted.resize(decided->size());
      CHECK(known.attempted == *decided);
      check_recovery(std::move(disk), known, machine);
    });
  }
}

TEST_CASE("log: D9, what a failed drain left behind is decided at the next open, and stays so") {
  using support::Op, support::Residue;
  for (const auto& machine : machines()) {
    for (const Residue residue : {Residue::none, Residue::some, Residue::all}) {
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        LogWorld world(seed, machine);
        History history;
        {
          auto opened = world.open();
          REQUIRE(opened);
          REQUIRE(opened->drain(make_commit(0)));
          history = {{make_commit(0)}, 1};
          const auto rule = world.storage.faults().add({.on = Op::write | Op::sync,
                                                        .path = "*/wal/*",
                                                        .skip = seed % 2,
                                                        .residue = residue});
          for (bool is_alive = true; is_alive && history.attempted.size() < 5;) {
            history.attempted.push_back(make_commit(history.attempted.size(), 9000));
            is_alive = opened->drain(history.attempted.back()).has_value();
            if (is_alive) history.acknowledged = history.attempted.size();
          }
          CHECK(world.storage.faults().hits(rule) == 1);
        }
        auto reopened = world.open();  // in the same boot: the cache may know more than the disk
        REQUIRE(reopened);
        decide(history, *reopened);
        world.storage.crash(Crash::from_seed(seed));
        check_recovery(world.storage.snapshot().crashed({}), history, machine);
      }
    }
  }
}

TEST_CASE("log: D2, after a failed sync the page cache is not believed") {
  support::SimStorageOptions machine;
  machine.direct_io = false;
  LogWorld world(1, machine);
  History history{{make_commit(0)}, 0};
  {
    auto opened = world.open();
    REQUIRE(opened);
    world.storage.faults().add({.on = support::Op::sync, .path = "*/wal/*"});
    REQUIRE(!opened->drain(make_commit(0)));
  }
  {
    const auto reopened = world.open();
    REQUIRE(reopened);
    REQUIRE(reopened->found->commits.size() == 1);  // it is in the cache alone
    decide(history, *reopened);
  }
  world.storage.crash({.keep = support::Keep::synced});
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == history.attempted);
}
