// The random numbers of the simulation: base::Random, with what tests ask of it besides.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace siltstone::support {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) noexcept : seed_(seed), random_(seed) {}

  std::uint64_t next() noexcept { return random_.next(); }
  /// Uniform in [0, bound); 0 when the bound is 0.
  std::uint64_t below(std::uint64_t bound) noexcept {
    return bound == 0 ? 0 : random_.below(bound);
  }
  /// Uniform in [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
    return random_.between(low, high);
  }
  /// True with this probability; draws nothing when the answer is certain.
  bool chance(double probability) noexcept {
    if (probability <= 0) return false;
    if (probability >= 1) return true;
    return static_cast<double>(next() >> 11) < probability * 0x1p53;
  }
  bool coin() noexcept { return (next() >> 63) != 0; }
  /// A stream of its own for each name, the same whatever was drawn from this one.
  [[nodiscard]] Rng fork(std::uint64_t name) const noexcept { return Rng(mix(seed_ ^ mix(name))); }

  /// Spreads 64 bits over 64 bits, one to one. (The finalizer of splitmix64.)
  static std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11eb;
    return x ^ (x >> 31);
  }

 private:
  std::uint64_t seed_;
  base::Random random_;
};

}  // namespace siltstone::support
