// The value of each key: a window into one pool of bytes that was made in advance, so that a value
// costs no time to make, and can be checked when it is read without being stored anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace siltstone::kvbench {

/// Turns similar numbers into unrelated ones, one to one (the mixing steps of SplitMix64).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9;
  x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11eb;
  return x ^ (x >> 31);
}

/// Immutable after construction, so shared by threads.
class Values {
 public:
  /// `compressibility`: the part of a value, 0 to 1, that a compressor can take away.
  Values(std::size_t value_bytes, double compressibility, std::uint64_t seed);

  /// The value of a key number: the same for the same constructor arguments, on every machine. Two
  /// keys share a value with a probability of one in a million.
  [[nodiscard]] std::string_view of(std::uint64_t number) const noexcept {
    return {pool_.data() + (mix(number ^ salt_) & window_mask_), value_bytes_};
  }
  [[nodiscard]] std::size_t value_bytes() const noexcept { return value_bytes_; }

 private:
  std::size_t value_bytes_;
  std::uint64_t salt_;
  std::uint64_t window_mask_;
  std::string pool_;
};

}  // namespace siltstone::kvbench
