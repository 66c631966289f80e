// A small seeded generator for jitter, sampling and tests: fast, and the same numbers everywhere.
// Not for secrets and not for identities; those come from io::Entropy.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace siltstone::base {

/// xoshiro256** 1.0 by Blackman and Vigna, its state filled from the seed by splitmix64; both are
/// in the public domain. Not thread-safe.
class Random {
 public:
  using result_type = std::uint64_t;

  explicit constexpr Random(std::uint64_t seed) noexcept {
    for (auto& word : state_) {
      seed += 0x9e37'79b9'7f4a'7c15;
      std::uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58'476d'1ce4'e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11eb;
      word = mixed ^ (mixed >> 31);
    }
  }

  /// 64 random bits.
  constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound), without bias. REQUIRES: bound > 0.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    // Numbers under 2^64 mod bound would make the small remainders too likely: drawn again.
    const std::uint64_t rejected = -bound % bound;
    std::uint64_t bits = next();
    while (bits < rejected) bits = next();
    return bits % bound;
  }

  /// Uniform in [first, last], both included. REQUIRES: first <= last.
  constexpr std::uint64_t between(std::uint64_t first, std::uint64_t last) noexcept {
    const std::uint64_t count = last - first + 1;
    return count == 0 ? next() : first + below(count);
  }

  /// True once in `times`, on average. REQUIRES: times > 0.
  constexpr bool one_in(std::uint64_t times) noexcept { return below(times) == 0; }

  // The interface of the standard library's generators.
  constexpr std::uint64_t operator()() noexcept { return next(); }
  static constexpr std::uint64_t min() noexcept { return 0; }
  static constexpr std::uint64_t max() noexcept { return UINT64_MAX; }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace siltstone::base
