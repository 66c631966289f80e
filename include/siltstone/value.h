// A value as read from a store.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace siltstone {

/// The bytes of one value, which stay as they are whatever is written or closed later. May be moved
/// to and read on other threads, and may outlive its Db.
class Value {
 public:
  Value() = default;
  explicit Value(std::string bytes) noexcept : bytes_(std::move(bytes)) {}

  /// The bytes; valid as long as this Value is neither moved from, assigned to nor destroyed.
  [[nodiscard]] std::string_view view() const noexcept { return bytes_; }
  operator std::string_view() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  /// A copy of the bytes.
  [[nodiscard]] std::string to_string() const { return bytes_; }

  friend bool operator==(const Value&, const Value&) = default;
  friend bool operator==(const Value& value, std::string_view other) noexcept {
    return value.view() == other;
  }

 private:
  std::string bytes_;
};

}  // namespace siltstone
