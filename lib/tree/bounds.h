// Bounds of a table's keys as the catalog keeps them: short, and never too narrow.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace siltstone::tree {

/// Longer keys are cut in the catalog, whose size must not depend on them.
inline constexpr std::size_t kMaxBoundBytes = 64;

/// The keys of a table, keyspace included: from `lower` to `upper`, both inclusive. Both may lie
/// outside of what is there. An empty `upper` bounds nothing; a key is never empty.
struct Bounds {
  std::string lower;
  std::string upper;

  [[nodiscard]] bool covers(std::string_view key) const noexcept {
    return key >= lower && (upper.empty() || key <= upper);
  }

  friend bool operator==(const Bounds&, const Bounds&) = default;
};

/// What covers everything from `first` to `last`, `first` <= `last`, neither of them empty. A key
/// that is too long is cut, the upper one to the next larger of that length. Throws only
/// std::bad_alloc.
[[nodiscard]] Bounds bounds_of(std::string_view first, std::string_view last);

}  // namespace siltstone::tree
