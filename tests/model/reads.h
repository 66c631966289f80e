// Reads of an open store, compared with a state that it must show. An empty string says that all is
// well.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <siltstone/db.h>

#include "model/actions.h"
#include "model/oracle.h"
#include "support/rng.h"

namespace siltstone::model {

/// The entry that an iterator stands on.
[[nodiscard]] Cell cell_of(const Iterator& it);
/// Everything that it shows from there on.
[[nodiscard]] Result<State> read_all(Iterator it);

/// A value that stands at `key` must have been written to it.
[[nodiscard]] std::string check_genuine(std::string_view key, std::string_view value);
/// A get of `key` from a store that holds `state`, at the wall time `now`.
[[nodiscard]] std::string check_get(Db& db, const std::string& key, const State& state,
                                    std::int64_t now);
/// An iteration with bounds and a seek from `rng`, over a store that shows `state`.
[[nodiscard]] std::string check_scan(Db& db, const State& state, const Writes& writes,
                                     support::Rng& rng);

}  // namespace siltstone::model
