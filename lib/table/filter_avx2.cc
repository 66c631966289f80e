// The probes of a line by AVX2: all of them at once, whatever their number.
#include <immintrin.h>

#include "table/filter.h"

namespace siltstone::table {

[[gnu::target("avx2")]] bool probe_line_avx2(const std::byte* line, std::uint32_t bits,
                                             unsigned probes) noexcept {
  const auto* const halves = reinterpret_cast<const __m256i*>(line);
  const __m256i multipliers =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFilterMultipliers.data()));
  const __m256i products =
      _mm256_mullo_epi32(_mm256_set1_epi32(static_cast<int>(bits)), multipliers);
  // Of the top nine bits of each product the first says which half of the line, the next three
  // which of its eight words, the last five which bit of that.
  const __m256i words = _mm256_srli_epi32(products, 28);
  const __m256i low = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(halves), words);
  const __m256i high = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(halves + 1), words);
  const __m256 chosen = _mm256_blendv_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high),
                                         _mm256_castsi256_ps(products));
  // Each bit moves to the top of its word, where the mask is taken from.
  const __m256i bit = _mm256_srli_epi32(products, 23);
  const __m256i up = _mm256_andnot_si256(bit, _mm256_set1_epi32(31));
  const __m256i tops = _mm256_sllv_epi32(_mm256_castps_si256(chosen), up);
  const unsigned found = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(tops)));
  const unsigned wanted = (1U << probes) - 1;
  return (found & wanted) == wanted;
}

}  // namespace siltstone::table
