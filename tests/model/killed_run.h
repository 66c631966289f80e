// The scripts of the model test on real files, in processes that are killed.
//
// Process after process opens the same store, checks what it finds, does what the seed says, and
// gets SIGKILL at a moment of the seed: after so many actions, between two of them or in the midst
// of one, or while it opens. What it was told survives it in a journal (journal.h), from which its
// parent learns what the next one must find: all that was acknowledged, or in write_back a prefix
// with all that was durable.
//
// Writers that work at the same time are not among the actions, as what one was told says nothing
// about the order of the others: tests/crash/kill_test.cc has those. Nor are faults and power cuts.
#pragma once

#include <cstdint>

#include "model/run.h"

namespace siltstone::model {

/// A store of its own below $TMPDIR, killed so many times. What the processes do is the seed's;
/// when exactly they die, and how their threads meet, is not. The report calls the kills crashes.
[[nodiscard]] RunReport run_killed(std::uint64_t seed, std::uint64_t kills);

}  // namespace siltstone::model
