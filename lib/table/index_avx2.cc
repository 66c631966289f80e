// The search compiled for AVX2 as a whole, so that no line costs a call.
#include <immintrin.h>

#include "table/index_node.h"

namespace siltstone::table::trie {
namespace {

struct Avx2Line {
  /// A comparison that holds is all ones; packing twice leaves two bytes of each. The order that
  /// packing mixes up does not matter to a count.
  [[gnu::target("avx2,popcnt")]] static unsigned count(const HeadLine& line,
                                                       std::int64_t head) noexcept {
    const auto* const parts = reinterpret_cast<const __m256i*>(&line);
    const __m256i wanted = _mm256_set1_epi64x(head);
    const auto above = [&](unsigned i) __attribute__((target("avx2"))) {
      return _mm256_cmpgt_epi64(_mm256_load_si256(parts + i), wanted);
    };
    const __m256i low = _mm256_packs_epi32(above(0), above(1));
    const __m256i high = _mm256_packs_epi32(above(2), above(3));
    const int mask = _mm256_movemask_epi8(_mm256_packs_epi16(low, high));
    return kLineHeads - static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(mask))) / 2;
  }
};

}  // namespace

[[gnu::target("avx2,popcnt"), gnu::flatten]] std::uint32_t search_avx2(
    const View& view, std::string_view key) noexcept {
  return search<Avx2Line>(view, key);
}

}  // namespace siltstone::table::trie
