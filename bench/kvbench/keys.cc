// Two digits per step from a table: rendering a key is part of what the harness costs per
// operation.
#include "keys.h"

#include <charconv>
#include <cstring>

namespace siltstone::kvbench {
namespace {

constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

}  // namespace

void KeyWriter::write_to(std::uint64_t number, char* out, std::size_t key_bytes) noexcept {
  char* end = out + key_bytes;
  while (number >= 10) {
    end -= 2;
    std::memcpy(end, &kPairs[2 * (number % 100)], 2);
    number /= 100;
  }
  if (number > 0) *--end = static_cast<char>('0' + number);
  std::memset(out, '0', static_cast<std::size_t>(end - out));
}

std::optional<std::uint64_t> parse_key(std::string_view key) noexcept {
  std::uint64_t number = 0;
  const char* const begin = key.data();
  const char* const end = begin + key.size();
  const auto parsed = std::from_chars(begin, end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

std::size_t digits(std::uint64_t number) noexcept {
  std::size_t count = 1;
  for (; number >= 10; number /= 10) ++count;
  return count;
}

}  // namespace siltstone::kvbench
