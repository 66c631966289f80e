// Counting heads by AVX2, for functions that are compiled for it as a whole.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include "memtable/head_count.h"

namespace siltstone::memtable {

struct Avx2Count {
  /// Four heads at a time; a comparison that holds is -1, so that the sums are negative counts.
  /// Requires has_avx2().
  [[gnu::target("avx2")]] static unsigned below(const Heads& heads, std::int64_t head) noexcept {
    static_assert(kSlots % 8 == 0);
    const auto* const slots = reinterpret_cast<const __m256i*>(heads.data());
    const __m256i wanted = _mm256_set1_epi64x(head);
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    for (unsigned i = 0; i < kSlots / 4; i += 2) {
      even = _mm256_add_epi64(even, _mm256_cmpgt_epi64(wanted, _mm256_loadu_si256(slots + i)));
      odd = _mm256_add_epi64(odd, _mm256_cmpgt_epi64(wanted, _mm256_loadu_si256(slots + i + 1)));
    }
    const __m256i sums = _mm256_add_epi64(even, odd);
    const __m128i halves =
        _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    const auto total = _mm_cvtsi128_si64(_mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves)));
    return static_cast<unsigned>(-total);
  }
};

}  // namespace siltstone::memtable
#endif
