// One run of the model test: a store on a simulated disk does what a seed says, and an ordered map
// beside it says what it must hold.
//
// Everything is drawn from the seed: the machine (direct or cached reads, what a failed sync does,
// short transfers, queue depth), the mix of actions, the writes, the faults, the moments of power
// cuts - between operations, within them, during recovery, and during the recovery from that - and
// what each cut leaves of what was not synced. So a seed is a whole run, and its trace hash proves
// it.
#pragma once

#include <cstdint>
#include <string>

#include "model/plants.h"

namespace siltstone::model {

struct RunOptions {
  std::uint64_t seed = 0;
  std::uint64_t operations = 1000;  ///< Reads and writes of the store.
  Plant plant = Plant::none;
};

/// What a run was.
struct RunReport {
  std::string violation;  ///< What the store did wrong, and in which operation; empty: nothing.
  std::string trace;      ///< The last calls of the run, when asked for.
  std::uint64_t trace_hash = 0;
  // What happened, so that a test can tell that it did.
  std::uint64_t writes = 0;  ///< Acknowledged, of processes that were killed.
  std::uint64_t opens = 0;
  std::uint64_t failed_opens = 0;
  std::uint64_t crashes = 0;
  std::uint64_t failed_writes = 0;
  std::uint64_t undecided_kept = 0;  ///< Writes that failed and were there after the next open.
};

[[nodiscard]] RunReport run(const RunOptions& options, bool with_trace = false);

}  // namespace siltstone::model
