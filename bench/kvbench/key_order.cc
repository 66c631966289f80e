// The constants of the permutation are drawn once, from the seed.
#include "key_order.h"

#include <algorithm>
#include <bit>

#include "base/random.h"

namespace siltstone::kvbench {

KeyOrder::KeyOrder(std::uint64_t num, bool shuffled, std::uint64_t seed) noexcept
    : num_(num), shuffled_(shuffled) {
  const auto bits = static_cast<unsigned>(std::bit_width(std::max<std::uint64_t>(num, 2) - 1));
  base::Random random(seed);
  mask_ = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  fold_ = (bits + 1) / 2;
  multiplier_ = random.next() | 1;
  increment_ = random.next();
}

KeyOrder KeyOrder::sequential(std::uint64_t num) noexcept { return {num, false, 0}; }

KeyOrder KeyOrder::shuffled(std::uint64_t num, std::uint64_t seed) noexcept {
  return {num, true, seed};
}

}  // namespace siltstone::kvbench
