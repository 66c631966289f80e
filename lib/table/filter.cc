// Filling, the portable probe, and the choice.
#include "table/filter.h"

#include <cstring>

#include "base/cpu.h"

namespace siltstone::table {
namespace {

constexpr ProbePath kPaths[] = {
    {"scalar", [] noexcept { return true; }, probe_line_scalar},
#if defined(__x86_64__)
    {"avx2", base::has_avx2, probe_line_avx2},
#endif
};

bool choose_and_probe(const std::byte* line, std::uint32_t bits, unsigned probes) noexcept {
  ProbeLine best = probe_line_scalar;
  for (const ProbePath& path : kPaths) {
    if (path.usable()) best = path.probe;
  }
  chosen_probe_line.store(best, std::memory_order_relaxed);
  return best(line, bits, probes);
}

constexpr std::uint32_t probe_bit(std::uint32_t bits, unsigned probe) noexcept {
  return (bits * kFilterMultipliers[probe]) >> (32 - 9);
}

}  // namespace

// Constant-initialized, so that it works before any constructor ran. Threads that choose at the
// same time choose the same.
constinit std::atomic<ProbeLine> chosen_probe_line = choose_and_probe;

// Without an early exit: a branch on what is random costs more than the probes it saves.
bool probe_line_scalar(const std::byte* line, std::uint32_t bits, unsigned probes) noexcept {
  auto all = std::byte{1};
  for (unsigned i = 0; i < probes; ++i) {
    const std::uint32_t bit = probe_bit(bits, i);
    all &= line[bit / 8] >> (bit % 8);
  }
  return all != std::byte{0};
}

std::span<const ProbePath> all_probe_paths() noexcept { return kPaths; }

void fill_filter(std::span<const std::uint64_t> hashes, FilterShape shape,
                 base::MutableBytes lines) noexcept {
  SILT_ASSERT(lines.size() == shape.bytes());
  SILT_ASSERT(shape.probes <= kMaxFilterProbes);
  constexpr std::size_t kAhead = 24;  // covers a cache miss
  const auto line_of = [&](std::uint64_t hash) {
    return lines.data() + Filter::line_number(hash, shape.lines) * kCacheLineBytes;
  };
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (i + kAhead < hashes.size()) __builtin_prefetch(line_of(hashes[i + kAhead]), 1);
    std::byte* const line = line_of(hashes[i]);
    for (unsigned probe = 0; probe < shape.probes; ++probe) {
      const std::uint32_t bit = probe_bit(static_cast<std::uint32_t>(hashes[i]), probe);
      line[bit / 8] |= std::byte{1} << (bit % 8);
    }
  }
}

}  // namespace siltstone::table
