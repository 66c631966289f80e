// The only includer of <xxhash.h>: compiled into this file, so that nothing is linked or exported.
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace siltstone::base {

std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace siltstone::base
