// One of several clients of a store, each a simulated thread: writes, checks at once what can be
// checked beside the others, and keeps for later what its writes came to.
//
// - Keys of its own hold exactly what it wrote last, as soon as the call has returned, and until it
//   expires.
// - Keys that all write hold genuine values.
// - The pair of keys that all write together never differs: a batch is seen whole, or not at all.
// - Its sequences only grow.
// - Snapshots, its own and one that all share, show the same whenever they are read; its own show
//   all that it had written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <siltstone/db.h>

#include "io/clock.h"
#include "model/actions.h"
#include "model/held.h"
#include "model/oracle.h"
#include "support/rng.h"

namespace siltstone::model {

/// What came of a client. Read it when its thread is done.
struct ClientReport {
  std::vector<std::pair<Write, std::uint64_t>> acknowledged;  ///< With their last sequences.
  std::optional<Write> undecided;                             ///< The write that failed.
  std::optional<Error> failure;  ///< Of that, or of a write that was refused: its last one.
  std::string violation;
};

class Client {
 public:
  /// Borrows `db`, `clock` and `shared`. `start` is what the store holds.
  Client(std::uint64_t number, Db& db, const io::Clock& clock, const HeldSnapshot& shared,
         const State& start, const Writes& writes, support::Rng rng);

  /// Does so many operations, or fewer when a write fails.
  void run(std::uint64_t operations);
  [[nodiscard]] const ClientReport& report() const noexcept { return report_; }

 private:
  [[nodiscard]] std::string step();
  [[nodiscard]] std::string write(Write write);
  [[nodiscard]] std::string check_own() const;
  [[nodiscard]] std::string check_pair() const;
  [[nodiscard]] std::string take_snapshot();
  [[nodiscard]] std::string read_snapshot();
  [[nodiscard]] std::string check_shared();
  [[nodiscard]] Write draw_own();
  [[nodiscard]] Write draw_pair();

  Db& db_;
  const io::Clock& clock_;
  const HeldSnapshot& shared_;
  const std::string prefix_;  // of the keys of its own
  State own_;                 // what they hold
  std::optional<HeldSnapshot> held_;
  Writes writes_;
  support::Rng rng_;
  std::uint64_t next_pair_;
  ClientReport report_;
};

/// Writes through the call that fits: put, erase or put_batch. `options` have no ttl.
[[nodiscard]] Result<Commit> perform(Db& db, const Write& write, const WriteOptions& options = {});

}  // namespace siltstone::model
