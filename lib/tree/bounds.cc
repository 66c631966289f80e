// Cutting bounds so that they only get wider.
#include "tree/bounds.h"

namespace siltstone::tree {
namespace {

/// The smallest text larger than everything that begins with this; empty when there is none.
std::string behind_all(std::string_view prefix) {
  std::string text(prefix);
  while (!text.empty() && text.back() == '\xff') text.pop_back();
  if (!text.empty()) text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
  return text;
}

}  // namespace

Bounds bounds_of(std::string_view first, std::string_view last) {
  const bool fits = last.size() <= kMaxBoundBytes;
  return {.lower = std::string(first.substr(0, kMaxBoundBytes)),
          .upper = fits ? std::string(last) : behind_all(last.substr(0, kMaxBoundBytes))};
}

}  // namespace siltstone::tree
