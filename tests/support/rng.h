// The random numbers of the simulation: small, fast, and the same on every machine and library, so
// that a seed printed today means the same run tomorrow. (splitmix64.)
#pragma once

#include <cstdint>

namespace siltstone::support {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) noexcept : state_(mix(seed ^ 0x5eed'5117'5704'e000)) {}

  std::uint64_t next() noexcept { return mix(state_ += 0x9e37'79b9'7f4a'7c15); }
  /// Uniform in [0, bound); 0 when the bound is 0.
  std::uint64_t below(std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }
  /// Uniform in [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
    return low + below(high - low + 1);
  }
  /// True with this probability; draws nothing when the answer is certain.
  bool chance(double probability) noexcept {
    if (probability <= 0) return false;
    if (probability >= 1) return true;
    return static_cast<double>(next() >> 11) < probability * 0x1p53;
  }
  bool coin() noexcept { return (next() & 1) != 0; }
  /// A generator of its own: what is drawn from it leaves this stream as it was.
  [[nodiscard]] Rng fork(std::uint64_t name) const noexcept { return Rng(mix(state_ ^ mix(name))); }

  static std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11eb;
    return x ^ (x >> 31);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  std::uint64_t state_;
};

}  // namespace siltstone::support
