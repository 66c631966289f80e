// The ways to compute CRC32C, one file each, and the arithmetic they share. For crc32c.cc, the
// tests that compare the paths, and the benchmark.
//
// A CRC is a polynomial over GF(2) modulo P, written with its highest power in bit 0 ("reflected"):
// bit i of a 32-bit word is x^(31-i). Extending by n zero bytes multiplies by x^(8n) mod P. A
// carry-less product of reflected words is reflected too, but short by one factor x.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace siltstone::base::crc {

inline constexpr std::uint32_t kPolynomial = 0x82f6'3b78;

/// x^exponent mod P.
constexpr std::uint32_t power_of_x(std::uint64_t exponent) noexcept {
  const auto times = [](std::uint32_t a, std::uint32_t b) {
    std::uint32_t product = 0;
    for (int power = 0; power < 32; ++power) {
      if ((b >> (31 - power)) & 1) product ^= a;
      a = (a >> 1) ^ ((a & 1) != 0 ? kPolynomial : 0);
    }
    return product;
  };
  std::uint32_t result = 0x8000'0000;  // x^0
  std::uint32_t square = 0x4000'0000;  // x^1
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = times(result, square);
    square = times(square, square);
  }
  return result;
}

/// Processors with one CRC instruction a cycle, but a latency of three, work on three neighbouring
/// streams of `stream_bytes` at once. `first` and `second` move the CRCs of the first two to the
/// end of the third: crc = crc3 ^ crc_instruction(0, crc1 * first ^ crc2 * second).
struct ThreeStreams {
  std::size_t stream_bytes;
  std::uint32_t first;
  std::uint32_t second;
};

// The instruction on the 64-bit product multiplies by x^32, the product lacks one x: 33 to deduct.
constexpr ThreeStreams three_streams(std::size_t stream_bytes) noexcept {
  return {stream_bytes, power_of_x(16 * stream_bytes - 33), power_of_x(8 * stream_bytes - 33)};
}

/// 4080, 768 and 192 bytes a turn: a page of 4 KiB takes one long turn and two instructions.
inline constexpr std::array kThreeStreams = {three_streams(1360), three_streams(256),
                                             three_streams(64)};

inline std::uint64_t load_word(const std::byte* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/// The CRC register before inversion goes in and comes out: crc32c() inverts on both sides.
using Extend = std::uint32_t (*)(std::uint32_t state, const std::byte* bytes,
                                 std::size_t size) noexcept;

struct Path {
  const char* name;
  bool (*usable)() noexcept;  // whether this processor can
  Extend extend;
};

std::uint32_t extend_bytewise(std::uint32_t state, const std::byte* bytes,
                              std::size_t size) noexcept;
std::uint32_t extend_slicing(std::uint32_t state, const std::byte* bytes,
                             std::size_t size) noexcept;
#if defined(__x86_64__)
bool has_sse42() noexcept;
bool has_pclmul() noexcept;
bool has_avx512() noexcept;
std::uint32_t extend_sse42(std::uint32_t state, const std::byte* bytes, std::size_t size) noexcept;
std::uint32_t extend_pclmul(std::uint32_t state, const std::byte* bytes, std::size_t size) noexcept;
std::uint32_t extend_avx512(std::uint32_t state, const std::byte* bytes, std::size_t size) noexcept;
#elif defined(__aarch64__)
bool has_armv8_crc() noexcept;
bool has_armv8_pmull() noexcept;
std::uint32_t extend_armv8(std::uint32_t state, const std::byte* bytes, std::size_t size) noexcept;
std::uint32_t extend_armv8_pmull(std::uint32_t state, const std::byte* bytes,
                                 std::size_t size) noexcept;
#endif

/// All that were compiled, slowest first; the last usable one is chosen.
[[nodiscard]] std::span<const Path> all_paths() noexcept;

}  // namespace siltstone::base::crc
