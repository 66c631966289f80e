// Chooses the path at the first use, and holds the two portable ones: a table of bytes, which is
// the reference, and eight tables that take eight bytes a step.
#include "base/crc32c.h"

#include <atomic>

#include "base/crc32c_paths.h"

namespace siltstone::base {

namespace crc {
namespace {

constexpr std::size_t kSlices = 8;

using Table = std::array<std::uint32_t, 256>;

// Table s: what a byte does to the CRC when s more bytes follow it.
constexpr std::array<Table, kSlices> make_tables() noexcept {
  std::array<Table, kSlices> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[slice - 1][byte];
      tables[slice][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = make_tables();

constexpr Path kPaths[] = {
    {"bytewise", [] noexcept { return true; }, extend_bytewise},
    {"slicing", [] noexcept { return true; }, extend_slicing},
#if defined(__x86_64__)
    {"sse42", has_sse42, extend_sse42},
    {"sse42-pclmul", has_pclmul, extend_pclmul},
    {"avx512", has_avx512, extend_avx512},
#elif defined(__aarch64__)
    {"armv8", has_armv8_crc, extend_armv8},
    {"armv8-pmull", has_armv8_pmull, extend_armv8_pmull},
#endif
};

const Path& best_path() noexcept {
  const Path* best = kPaths;
  for (const Path& path : kPaths) {
    if (path.usable()) best = &path;
  }
  return *best;
}

std::uint32_t choose_and_extend(std::uint32_t state, const std::byte* bytes,
                                std::size_t size) noexcept;

// Constant-initialized, so that it works before any constructor ran. Threads that choose at the
// same time choose the same.
constinit std::atomic<Extend> chosen_extend = choose_and_extend;

std::uint32_t choose_and_extend(std::uint32_t state, const std::byte* bytes,
                                std::size_t size) noexcept {
  const Extend extend = best_path().extend;
  chosen_extend.store(extend, std::memory_order_relaxed);
  return extend(state, bytes, size);
}

}  // namespace

std::uint32_t extend_bytewise(std::uint32_t state, const std::byte* bytes,
                              std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    state = (state >> 8) ^ kTables[0][(state ^ std::to_integer<std::uint32_t>(bytes[i])) & 0xff];
  }
  return state;
}

std::uint32_t extend_slicing(std::uint32_t state, const std::byte* bytes,
                             std::size_t size) noexcept {
  for (; size >= kSlices; bytes += kSlices, size -= kSlices) {
    const std::uint64_t word = load_word(bytes) ^ state;
    state = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      state ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 0xff];
    }
  }
  return extend_bytewise(state, bytes, size);
}

std::span<const Path> all_paths() noexcept { return kPaths; }

}  // namespace crc

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) noexcept {
  const auto extend = crc::chosen_extend.load(std::memory_order_relaxed);
  return ~extend(~crc, bytes.data(), bytes.size());
}

std::uint32_t crc32c_seed(std::uint64_t first, std::uint64_t second) noexcept {
  const std::uint64_t identity[] = {first, second};
  return crc32c(0, std::as_bytes(std::span(identity)));
}

std::string_view crc32c_path_name() noexcept { return crc::best_path().name; }

}  // namespace siltstone::base
