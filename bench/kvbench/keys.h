// Key number <-> key: decimal, padded with zeros in front to the key size, so that the order of the
// numbers is the order of the keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace siltstone::kvbench {

/// Renders keys into memory of its own. Thread-bound.
class KeyWriter {
 public:
  /// Requires that every number in use has at most `key_bytes` digits: see digits().
  explicit KeyWriter(std::size_t key_bytes) : text_(key_bytes, '0') {}

  /// The key of a number. The view lives until the next call.
  [[nodiscard]] std::string_view write(std::uint64_t number) noexcept {
    write_to(number, text_.data(), text_.size());
    return text_;
  }
  /// A key of the same size that no fill ever writes and that sorts right behind the tens of
  /// `number`: its last digit is turned into a letter.
  [[nodiscard]] std::string_view write_missing(std::uint64_t number) noexcept {
    write_to(number, text_.data(), text_.size());
    text_.back() = static_cast<char>(text_.back() + ('A' - '0'));
    return text_;
  }
  static void write_to(std::uint64_t number, char* out, std::size_t key_bytes) noexcept;

 private:
  std::string text_;
};

/// The number of a key, or nothing if it is not one of ours.
[[nodiscard]] std::optional<std::uint64_t> parse_key(std::string_view key) noexcept;

/// Decimal digits of a number: 1 for 0.
[[nodiscard]] std::size_t digits(std::uint64_t number) noexcept;

}  // namespace siltstone::kvbench
