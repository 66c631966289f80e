// CRC32C (Castagnoli), the checksum of everything stored, by the fastest means the processor has.
//
// How stored checksums are made: the CRC of the bytes, seeded with the identity of the place they
// belong to, then sealed:
//
//   stored = seal_crc32c(crc32c(crc32c_seed(table.value(), block), bytes));
//
// The seed makes stale, misdirected, recycled and restored blocks fail. The seal keeps apart the
// checksum of bytes and the checksum of bytes that end in their own checksum, and is never zero, so
// that a zeroed sector is never valid.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace siltstone::base {

/// The CRC of A followed by `bytes`, when `crc` is that of A; 0 is the CRC of nothing. So it
/// extends, and a seed is the CRC of what stands for the identity. Thread-safe.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) noexcept;

/// The seed for a place that two numbers identify. Places that differ in one of them, and there
/// only in 32 neighbouring bits, never have the same seed.
[[nodiscard]] std::uint32_t crc32c_seed(std::uint64_t first, std::uint64_t second) noexcept;

/// The form in which a CRC is stored: never zero. Part of the file format.
[[nodiscard]] constexpr std::uint32_t seal_crc32c(std::uint32_t crc) noexcept {
  const std::uint32_t sealed = std::rotr(crc, 15) + 0x5117'c0deU;
  return sealed != 0 ? sealed : 1;
}

/// Which way of computing was chosen, for reports: "avx512", "sse42-pclmul", "armv8-pmull", ...
[[nodiscard]] std::string_view crc32c_path_name() noexcept;

}  // namespace siltstone::base
