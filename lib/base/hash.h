// The hash of keys: XXH3 of 64 bits, seeded, so that nobody can prepare keys that all collide. Its
// values are stored (filters and tags depend on them) and never change for a given seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/ids.h"

namespace siltstone::base {

/// XXH3-64 of the bytes. Thread-safe.
[[nodiscard]] std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept;

/// The hash of a key: hash64 of the four bytes of its keyspace, big-endian, with the user's key
/// behind them. Thread-safe.
[[nodiscard]] std::uint64_t hash_key(KeyspaceId keyspace, std::string_view user_key,
                                     std::uint64_t seed) noexcept;

}  // namespace siltstone::base
