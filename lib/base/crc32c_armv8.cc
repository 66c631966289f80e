// CRC32C by the instruction of ARMv8: one stream, and three streams joined by PMULL.
#include <arm_acle.h>
#include <arm_neon.h>
#include <sys/auxv.h>

#include "base/crc32c_paths.h"

namespace siltstone::base::crc {

bool has_armv8_crc() noexcept { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

bool has_armv8_pmull() noexcept {
  return has_armv8_crc() && (getauxval(AT_HWCAP) & HWCAP_PMULL) != 0;
}

[[gnu::target("+crc")]] std::uint32_t extend_armv8(std::uint32_t state, const std::byte* bytes,
                                                   std::size_t size) noexcept {
  for (; size >= 8; bytes += 8, size -= 8) state = __crc32cd(state, load_word(bytes));
  for (std::size_t i = 0; i < size; ++i) {
    state = __crc32cb(state, std::to_integer<std::uint8_t>(bytes[i]));
  }
  return state;
}

namespace {

[[gnu::target("+crc+crypto")]] inline std::uint64_t multiply(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint64_t>(vmull_p64(a, b));  // 63 bits: the upper word is zero
}

// One turn of three streams from `bytes` on.
[[gnu::target("+crc+crypto")]] inline std::uint32_t three(std::uint32_t crc1,
                                                          const std::byte* bytes,
                                                          const ThreeStreams& turn) {
  std::uint32_t crc2 = 0;
  std::uint32_t crc3 = 0;
  for (std::size_t i = 0; i < turn.stream_bytes; i += 8) {
    crc1 = __crc32cd(crc1, load_word(bytes + i));
    crc2 = __crc32cd(crc2, load_word(bytes + turn.stream_bytes + i));
    crc3 = __crc32cd(crc3, load_word(bytes + 2 * turn.stream_bytes + i));
  }
  return crc3 ^ __crc32cd(0, multiply(crc1, turn.first) ^ multiply(crc2, turn.second));
}

}  // namespace

[[gnu::target("+crc+crypto")]] std::uint32_t extend_armv8_pmull(std::uint32_t state,
                                                                const std::byte* bytes,
                                                                std::size_t size) noexcept {
  for (const ThreeStreams& turn : kThreeStreams) {
    for (; size >= 3 * turn.stream_bytes; size -= 3 * turn.stream_bytes) {
      state = three(state, bytes, turn);
      bytes += 3 * turn.stream_bytes;
    }
  }
  return extend_armv8(state, bytes, size);
}

}  // namespace siltstone::base::crc
