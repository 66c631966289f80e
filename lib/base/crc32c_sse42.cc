// CRC32C by the instruction of SSE4.2: one stream, and three streams joined by PCLMULQDQ.
#include <nmmintrin.h>
#include <wmmintrin.h>

#include "base/crc32c_paths.h"

namespace siltstone::base::crc {

bool has_sse42() noexcept {
  __builtin_cpu_init();  // may run before the constructors of libgcc
  return __builtin_cpu_supports("sse4.2");
}

bool has_pclmul() noexcept { return has_sse42() && __builtin_cpu_supports("pclmul"); }

[[gnu::target("sse4.2")]] std::uint32_t extend_sse42(std::uint32_t state, const std::byte* bytes,
                                                     std::size_t size) noexcept {
  std::uint64_t crc = state;
  for (; size >= 8; bytes += 8, size -= 8) crc = _mm_crc32_u64(crc, load_word(bytes));
  state = static_cast<std::uint32_t>(crc);
  for (std::size_t i = 0; i < size; ++i) {
    state = _mm_crc32_u8(state, std::to_integer<unsigned char>(bytes[i]));
  }
  return state;
}

namespace {

[[gnu::target("sse4.2,pclmul")]] inline std::uint64_t multiply(std::uint64_t a, std::uint32_t b) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(a)),
                                               _mm_cvtsi64_si128(static_cast<long long>(b)), 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
}

// One turn of three streams from `bytes` on.
[[gnu::target("sse4.2,pclmul")]] inline std::uint64_t three(std::uint64_t crc1,
                                                            const std::byte* bytes,
                                                            const ThreeStreams& turn) {
  std::uint64_t crc2 = 0;
  std::uint64_t crc3 = 0;
  for (std::size_t i = 0; i < turn.stream_bytes; i += 8) {
    crc1 = _mm_crc32_u64(crc1, load_word(bytes + i));
    crc2 = _mm_crc32_u64(crc2, load_word(bytes + turn.stream_bytes + i));
    crc3 = _mm_crc32_u64(crc3, load_word(bytes + 2 * turn.stream_bytes + i));
  }
  return crc3 ^ _mm_crc32_u64(0, multiply(crc1, turn.first) ^ multiply(crc2, turn.second));
}

}  // namespace

[[gnu::target("sse4.2,pclmul")]] std::uint32_t extend_pclmul(std::uint32_t state,
                                                             const std::byte* bytes,
                                                             std::size_t size) noexcept {
  std::uint64_t crc = state;
  for (const ThreeStreams& turn : kThreeStreams) {
    for (; size >= 3 * turn.stream_bytes; size -= 3 * turn.stream_bytes) {
      crc = three(crc, bytes, turn);
      bytes += 3 * turn.stream_bytes;
    }
  }
  return extend_sse42(static_cast<std::uint32_t>(crc), bytes, size);
}

}  // namespace siltstone::base::crc
