// The only includer of <xxhash.h>: compiled into this file, so that nothing is linked or exported.
#include "base/hash.h"

#include <array>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace siltstone::base {

std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t hash_key(KeyspaceId keyspace, std::string_view user_key,
                       std::uint64_t seed) noexcept {
  const std::uint32_t prefix = __builtin_bswap32(keyspace.value());
  // Hashing in pieces sets up a large state, which is worth it only where copying costs more.
  __attribute__((uninitialized)) std::array<std::byte, 256> whole;  // else hardening clears it
  if (sizeof prefix + user_key.size() <= whole.size()) {
    std::memcpy(whole.data(), &prefix, sizeof prefix);
    if (!user_key.empty()) {
      std::memcpy(whole.data() + sizeof prefix, user_key.data(), user_key.size());
    }
    return XXH3_64bits_withSeed(whole.data(), sizeof prefix + user_key.size(), seed);
  }
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, seed);
  XXH3_64bits_update(&state, &prefix, sizeof prefix);
  XXH3_64bits_update(&state, user_key.data(), user_key.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace siltstone::base
