// Keys of many shapes for the tests of this layer, sorted and distinct.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "support/rng.h"

namespace siltstone::table {

enum class KeyShape : std::uint8_t {
  big_endian,  ///< Eight random bytes.
  decimal,     ///< Sixteen digits of which the first ones are zero.
  tenants,     ///< A prefix that varies, twelve digits of its own behind it.
  extremes,    ///< Few letters, all zeros and ones among them, of any length up to 30.
  nested,      ///< Each begins with most of the one before: deep tries.
  bits,        ///< Runs of zeros and ones: words that tie.
};
inline constexpr KeyShape kKeyShapes[] = {KeyShape::big_endian, KeyShape::decimal,
                                          KeyShape::tenants,    KeyShape::extremes,
                                          KeyShape::nested,     KeyShape::bits};

inline std::string digits(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

inline std::string key_of(KeyShape shape, support::Rng& rng, const std::string& last) {
  std::string key;
  switch (shape) {
    case KeyShape::big_endian:
      for (const std::uint64_t bits = rng.next(); key.size() < 8;) {
        key += static_cast<char>(bits >> (8 * key.size()));
      }
      break;
    case KeyShape::decimal: return digits(rng.below(100'000'000), 16);
    case KeyShape::tenants:
      return "tenant-" + digits(rng.below(40), 2 + rng.below(3)) + "/" +
             digits(rng.below(1'000'000), 12);
    case KeyShape::extremes:
      key.resize(rng.below(31));
      for (char& c : key) c = "\0a\x7f\x80\xff"[rng.below(5)];
      break;
    case KeyShape::nested:
      key = last.substr(0, last.size() - std::min<std::size_t>(last.size(), rng.below(4)));
      key.append(rng.between(1, 20), "\0ab\xff"[rng.below(4)]);
      if (key.size() > 600) key.resize(rng.below(600));
      break;
    case KeyShape::bits:
      for (std::uint64_t runs = rng.below(5); runs > 0; --runs) {
        key.append(rng.below(20), rng.coin() ? '\0' : '\xff');
      }
      break;
  }
  return key;
}

/// At most `count`: fewer where keys repeat.
inline std::vector<std::string> sorted_keys(KeyShape shape, support::Rng& rng, std::size_t count) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) {
    keys.push_back(key_of(shape, rng, keys.empty() ? "" : keys.back()));
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

/// A key that is not in any list, but close to `key`.
inline std::string near(const std::string& key, support::Rng& rng) {
  std::string other = key;
  switch (rng.below(5)) {
    case 0: return other + '\0';
    case 1: return other + '\xff';
    case 2: other.resize(rng.below(other.size() + 1)); break;
    case 3:
      if (!other.empty()) ++other[rng.below(other.size())];
      break;
    default:
      if (!other.empty()) --other[rng.below(other.size())];
  }
  return other;
}

}  // namespace siltstone::table
