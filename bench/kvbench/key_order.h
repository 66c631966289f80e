// In which order a fill writes its keys: position -> key number, a bijection of [0, num).
//
// Every key is written exactly once in either order, so that stores filled in either order hold the
// same entries, a reader knows every key that must be there, and sizes on disk can be compared.
#pragma once

#include <cstdint>

namespace siltstone::kvbench {

class KeyOrder {
 public:
  /// 0, 1, 2, ...
  [[nodiscard]] static KeyOrder sequential(std::uint64_t num) noexcept;
  /// A permutation that is fixed by num and seed.
  [[nodiscard]] static KeyOrder shuffled(std::uint64_t num, std::uint64_t seed) noexcept;

  [[nodiscard]] std::uint64_t num() const noexcept { return num_; }

  /// Requires position < num().
  [[nodiscard]] std::uint64_t key_at(std::uint64_t position) const noexcept {
    if (!shuffled_) return position;
    // Walk the cycle of a permutation of [0, 2^bits) until it is back inside [0, num): below two
    // steps on average, since 2^bits < 2 * num.
    std::uint64_t x = position;
    do x = scramble(x);
    while (x >= num_);
    return x;
  }

 private:
  KeyOrder(std::uint64_t num, bool shuffled, std::uint64_t seed) noexcept;

  /// Each line is a bijection of [0, 2^bits): an odd multiplication, and a shift that folds the
  /// high half into the low one.
  [[nodiscard]] std::uint64_t scramble(std::uint64_t x) const noexcept {
    x = (x * multiplier_ + increment_) & mask_;
    x ^= x >> fold_;
    x = (x * 0x9e3779b97f4a7c15) & mask_;
    x ^= x >> fold_;
    return (x * 0xbf58476d1ce4e5b9) & mask_;
  }

  std::uint64_t num_;
  bool shuffled_;
  std::uint64_t mask_;
  unsigned fold_;
  std::uint64_t multiplier_;
  std::uint64_t increment_;
};

}  // namespace siltstone::kvbench
