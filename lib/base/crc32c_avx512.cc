// CRC32C by carry-less multiplication of 64 bytes an instruction (AVX-512 with VPCLMULQDQ).
//
// Folding: a lane of 16 bytes, T bits before another one, is multiplied by x^T mod P and added to
// it. Its two halves are multiplied separately: the first 8 bytes are worth x^64 more, and each
// product lacks one factor x, which leaves x^(T+63) and x^(T-1). The constants take up the upper
// half of their words, since reflected words put the low powers there. At the end one lane is left,
// whose CRC is that of all folded bytes.
#include <immintrin.h>

#include "base/crc32c_paths.h"

namespace siltstone::base::crc {

bool has_avx512() noexcept {
  return has_sse42() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
}

namespace {

#define SILT_TARGET_AVX512 gnu::target("sse4.2,avx512f,vpclmulqdq")

constexpr std::size_t kVectorBytes = 64;
constexpr std::size_t kVectors = 4;  // chains side by side, to hide the latency of the multiplier

struct Fold {
  long long first;
  long long second;
};

constexpr Fold fold_over(std::size_t bytes) noexcept {
  const auto high_half = [](std::uint32_t value) {
    return static_cast<long long>(std::uint64_t{value} << 32);
  };
  return {high_half(power_of_x(8 * bytes + 63)), high_half(power_of_x(8 * bytes - 1))};
}

constexpr Fold kOverAll = fold_over(kVectors * kVectorBytes);
constexpr Fold kOverVector = fold_over(kVectorBytes);
constexpr Fold kOver3Lanes = fold_over(48);
constexpr Fold kOver2Lanes = fold_over(32);
constexpr Fold kOver1Lane = fold_over(16);

[[SILT_TARGET_AVX512]] inline __m512i broadcast(const Fold& fold) {
  return _mm512_set4_epi64(fold.second, fold.first, fold.second, fold.first);
}

[[SILT_TARGET_AVX512]] inline __m512i load(const std::byte* bytes) {
  return _mm512_loadu_si512(bytes);
}

[[SILT_TARGET_AVX512]] inline __m512i fold(__m512i lanes, __m512i constants, __m512i onto) {
  const __m512i first = _mm512_clmulepi64_epi128(lanes, constants, 0x00);
  const __m512i second = _mm512_clmulepi64_epi128(lanes, constants, 0x11);
  return _mm512_ternarylogic_epi64(first, second, onto, 0x96);  // the sum of all three
}

// The CRC register after one vector, which held the register before it in its first bytes.
[[SILT_TARGET_AVX512]] inline std::uint32_t reduce(__m512i lanes) {
  const __m512i constants =
      _mm512_set_epi64(0, 0, kOver1Lane.second, kOver1Lane.first, kOver2Lanes.second,
                       kOver2Lanes.first, kOver3Lanes.second, kOver3Lanes.first);
  const __m512i last_alone = _mm512_maskz_mov_epi64(0xc0, lanes);
  alignas(kVectorBytes) std::uint64_t words[8];
  _mm512_store_si512(words, fold(lanes, constants, last_alone));
  const std::uint64_t first = words[0] ^ words[2] ^ words[4] ^ words[6];
  const std::uint64_t second = words[1] ^ words[3] ^ words[5] ^ words[7];
  return static_cast<std::uint32_t>(_mm_crc32_u64(_mm_crc32_u64(0, first), second));
}

}  // namespace

[[SILT_TARGET_AVX512]] std::uint32_t extend_avx512(std::uint32_t state, const std::byte* bytes,
                                                   std::size_t size) noexcept {
  if (size < 2 * kVectorBytes) return extend_sse42(state, bytes, size);
  __m512i last = _mm512_xor_si512(
      load(bytes), _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(state))));
  const __m512i over_vector = broadcast(kOverVector);
  if (size >= 2 * kVectors * kVectorBytes) {
    __m512i lanes[kVectors] = {last, load(bytes + kVectorBytes), load(bytes + 2 * kVectorBytes),
                               load(bytes + 3 * kVectorBytes)};
    const __m512i over_all = broadcast(kOverAll);
    for (; size >= 2 * kVectors * kVectorBytes; size -= kVectors * kVectorBytes) {
      bytes += kVectors * kVectorBytes;
      for (std::size_t i = 0; i < kVectors; ++i) {
        lanes[i] = fold(lanes[i], over_all, load(bytes + i * kVectorBytes));
      }
    }
    last = lanes[0];
    for (std::size_t i = 1; i < kVectors; ++i) last = fold(last, over_vector, lanes[i]);
    bytes += (kVectors - 1) * kVectorBytes;
    size -= (kVectors - 1) * kVectorBytes;
  }
  for (; size >= 2 * kVectorBytes; size -= kVectorBytes) {
    bytes += kVectorBytes;
    last = fold(last, over_vector, load(bytes));
  }
  return extend_sse42(reduce(last), bytes + kVectorBytes, size - kVectorBytes);
}

}  // namespace siltstone::base::crc
