// Times to live, which a caller gives, and expiries, which are stored: moments of the wall clock.
// So a value's time passes while the store is closed, and a replay changes nothing about it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <siltstone/error.h>

namespace siltstone::db {

using Ttl = std::chrono::milliseconds;

/// invalid_argument, naming it, when `ttl` is zero or less.
[[nodiscard]] Result<void> check_ttl(Ttl ttl);

/// The entries of a Batch as the log stores them: times to live are counted from `now`, and values
/// without one get `ttl`, where it is given. invalid_argument when a time is zero or less, or ends
/// later than can be stored, or when they would be larger than a batch may be. Throws only
/// std::bad_alloc.
[[nodiscard]] Result<std::string> with_expiries(std::string_view entries, std::optional<Ttl> ttl,
                                                std::int64_t now);

}  // namespace siltstone::db
