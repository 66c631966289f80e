// The filter of a partition: a Bloom filter of cache lines, which tells of nearly every key that
// is not there that it is not, by looking at one line.
//
//   filter   | line | line | ...      512 bits each; bit b of a line is bit b % 8 of its byte b / 8
//
// High 32 bits of the key's hash choose the line, as a fraction of all; the low 32, multiplied by
// a constant for each, choose the bits ("probes") in it, by the top nine bits of each product. This
// is stored: see docs/file_format.md. Tags, the low 8 bits of the hash, are not independent of it,
// which does no harm: they are looked at behind the filter.
//
// A line of its own for each key costs accuracy, since lines fill unevenly: with 10 bits a key one
// key in 103 passes that should not, in a filter without lines it is one in 120.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "base/bytes.h"
#include "table/line_buffer.h"

namespace siltstone::table {

inline constexpr unsigned kDefaultFilterBitsPerKey = 10;
/// Bits beyond it buy next to nothing, since no key gets more probes.
inline constexpr unsigned kMaxFilterBitsPerKey = 16;
/// As many as fit one vector.
inline constexpr unsigned kMaxFilterProbes = 8;

/// Of a filter: how large it is, and how many bits of a line a key sets.
struct FilterShape {
  std::uint32_t lines = 1;
  std::uint8_t probes = 1;

  [[nodiscard]] constexpr std::size_t bytes() const noexcept { return lines * kCacheLineBytes; }
  friend bool operator==(const FilterShape&, const FilterShape&) = default;
};

/// The shape for this many keys; both counts from 1, bits up to kMaxFilterBitsPerKey. Probes are
/// those that measured best: 5, 6 and 7 for 8, 10 and 12 bits.
[[nodiscard]] constexpr FilterShape filter_shape(std::uint32_t keys,
                                                 unsigned bits_per_key) noexcept {
  const std::uint64_t bits = std::uint64_t{keys} * bits_per_key;
  const std::uint64_t lines = (bits + kCacheLineBytes * 8 - 1) / (kCacheLineBytes * 8);
  return {static_cast<std::uint32_t>(lines),
          static_cast<std::uint8_t>(std::min(bits_per_key / 2 + 1, kMaxFilterProbes))};
}
static_assert(std::uint64_t{UINT32_MAX} * kMaxFilterBitsPerKey / (kCacheLineBytes * 8) <
              UINT32_MAX);

/// The multipliers of the probes: the square roots of the first primes behind the point, made odd.
inline constexpr std::array<std::uint32_t, kMaxFilterProbes> kFilterMultipliers = {
    0x6a09'e667, 0xbb67'ae85, 0x3c6e'f373, 0xa54f'f53b,
    0x510e'527f, 0x9b05'688d, 0x1f83'd9ab, 0x5be0'cd19};

using ProbeLine = bool (*)(const std::byte* line, std::uint32_t bits, unsigned probes) noexcept;

/// A way of looking at a line.
struct ProbePath {
  const char* name;
  bool (*usable)() noexcept;
  ProbeLine probe;
};

/// All that were compiled, slowest first; the last usable one is chosen.
[[nodiscard]] std::span<const ProbePath> all_probe_paths() noexcept;

bool probe_line_scalar(const std::byte* line, std::uint32_t bits, unsigned probes) noexcept;
#if defined(__x86_64__)
bool probe_line_avx2(const std::byte* line, std::uint32_t bits, unsigned probes) noexcept;
#endif

extern constinit std::atomic<ProbeLine> chosen_probe_line;

/// A view of a filter. Thread-safe.
class Filter {
 public:
  /// REQUIRES: at least one line, at most kMaxFilterProbes.
  Filter(base::Bytes lines, unsigned probes) noexcept
      : lines_(lines.data()),
        count_(static_cast<std::uint32_t>(lines.size() / kCacheLineBytes)),
        probes_(probes) {
    SILT_ASSERT(lines.size() == count_ * kCacheLineBytes);
    SILT_ASSERT(count_ > 0);
    SILT_ASSERT(probes_ <= kMaxFilterProbes);
  }

  /// False when no key with this hash was put in. One load away from the answer.
  [[nodiscard]] bool may_contain(std::uint64_t hash) const noexcept {
    return chosen_probe_line.load(std::memory_order_relaxed)(
        line_of(hash), static_cast<std::uint32_t>(hash), probes_);
  }
  /// For many keys at once: asks for the line that may_contain() will look at.
  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(line_of(hash)); }

  /// Where the key of this hash has its line, of `lines`.
  [[nodiscard]] static constexpr std::size_t line_number(std::uint64_t hash,
                                                         std::uint32_t lines) noexcept {
    return (hash >> 32) * lines >> 32;
  }

 private:
  [[nodiscard]] const std::byte* line_of(std::uint64_t hash) const noexcept {
    return lines_ + line_number(hash, count_) * kCacheLineBytes;
  }

  const std::byte* lines_;
  std::uint32_t count_;
  unsigned probes_;
};

/// Puts keys in by their hashes; `lines` are those of shape.bytes(), zero or filled before. Twice
/// the same hash does no harm. All at the end is four times faster than each as it comes.
void fill_filter(std::span<const std::uint64_t> hashes, FilterShape shape,
                 base::MutableBytes lines) noexcept;

}  // namespace siltstone::table
