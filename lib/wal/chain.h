// Which segments make the log: decided from the headers alone, without I/O.
//
// The chain runs from the newest segment back to the first one, which names no predecessor. Where a
// segment on the way is missing, what is left is the chain from the first one forward.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <siltstone/error.h>

#include "wal/slots.h"

namespace siltstone::wal {

/// Which slots make the log; indexes into the slots.
struct Chain {
  std::vector<std::size_t> counted;   ///< Oldest first.
  std::vector<std::size_t> replaced;  ///< Void, since a newer segment continues their predecessor.
  std::vector<std::size_t> given_up;  ///< The rest, if there is damage.
  std::optional<Error> damage;        ///< Why there is a rest.
};

/// Decides it, from the headers alone. Errors: corruption when the first segment is missing, so
/// that nothing is left to keep.
[[nodiscard]] Result<Chain> choose_chain(std::span<const Slot> slots);

}  // namespace siltstone::wal
