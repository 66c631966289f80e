// The pool is a sequence of pieces that each begin with fresh random bytes and then repeat them; a
// piece is far shorter than the window of any compressor, and of the size of a small value.
#include "values.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/random.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kPieceBytes = 128;
/// Where values may begin: at least a million places. More for large values, since windows that
/// overlap within one compressed block would make the data more compressible than asked.
constexpr std::size_t kSmallestWindow = std::size_t{1} << 20;
constexpr std::size_t kLargestWindow = std::size_t{1} << 26;

void append_piece(std::string& pool, std::size_t fresh_bytes, base::Random& random) {
  const std::size_t begin = pool.size();
  for (std::size_t i = 0; i < fresh_bytes; ++i) pool += static_cast<char>(random.next() & 0xff);
  for (std::size_t i = fresh_bytes; i < kPieceBytes; ++i) {
    pool += fresh_bytes == 0 ? '\0' : pool[begin + (i - fresh_bytes) % fresh_bytes];
  }
}

}  // namespace

Values::Values(std::size_t value_bytes, double compressibility, std::uint64_t seed)
    : value_bytes_(value_bytes), salt_(mix(seed)) {
  const std::size_t window =
      std::bit_ceil(std::clamp(value_bytes * 4096, kSmallestWindow, kLargestWindow));
  window_mask_ = window - 1;
  const auto fresh_bytes = static_cast<std::size_t>(
      std::lround((1.0 - compressibility) * static_cast<double>(kPieceBytes)));
  base::Random random(seed);
  pool_.reserve(window + value_bytes + kPieceBytes);
  while (pool_.size() < window + value_bytes) append_piece(pool_, fresh_bytes, random);
}

}  // namespace siltstone::kvbench
