// What the memtable's tests share: memtables of a size, keys of many shapes, and the model that
// they are compared with.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/arena.h"
#include "base/ids.h"
#include "memtable/cursor.h"
#include "memtable/memtable.h"
#include "support/rng.h"

namespace siltstone::memtable {

inline std::unique_ptr<Memtable> make_memtable(std::size_t bytes = std::size_t{4} << 20) {
  auto made = Memtable::create(std::make_shared<base::ArenaPool>(bytes, 0), 42);
  REQUIRE(made);
  return *std::move(made);
}

inline void put(Memtable& table, std::string_view key, std::string_view value, std::uint64_t at) {
  Memtable::Staged staged(table);
  REQUIRE(staged.put(key, value));
  table.link(std::move(staged), base::Sequence(at));
}

inline void erase(Memtable& table, std::string_view key, std::uint64_t at) {
  Memtable::Staged staged(table);
  REQUIRE(staged.erase(key));
  table.link(std::move(staged), base::Sequence(at));
}

/// The value that a key had; nothing when it was erased or not there yet.
inline std::optional<std::string> value_at(const Memtable& table, const Key& key,
                                           std::uint64_t at) {
  const auto entry = table.get(key, base::Sequence(at));
  if (!entry || entry->kind == Kind::erase) return std::nullopt;
  return std::string(entry->value);
}

enum class Shape : std::uint8_t { decimal, big_endian, sequential, shared_prefix, url, odd };
inline constexpr Shape kShapes[] = {Shape::decimal,       Shape::big_endian, Shape::sequential,
                                    Shape::shared_prefix, Shape::url,        Shape::odd};

inline std::string big_endian(std::uint64_t number) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift);
  return text;
}

inline std::string decimal(std::uint64_t number) {
  std::string digits = std::to_string(number % 10'000'000'000'000'000);
  return std::string(16 - digits.size(), '0') + digits;
}

/// Keys that are prefixes of each other, empty, full of zeros and of 0xff, and up to 64 KiB long.
inline std::string odd_key(std::uint64_t bits) {
  if (bits % 61 == 0) return std::string(65534 - bits / 64 % 3, 'k') + std::string(bits % 2, 'l');
  const char alphabet[] = {'\0', '\1', 'a', '\x7f', '\x80', '\xff'};
  std::string text(bits / 64 % 2 == 0 ? 0 : 7, bits / 128 % 2 == 0 ? '\0' : '\xff');
  for (std::uint64_t rest = bits >> 16; rest % 8 != 0; rest /= 8) text += alphabet[rest % 8 % 6];
  return text;
}

/// Key number `i` of a shape, spread over all such keys, but for the sequential ones.
inline std::string key_of(Shape shape, std::uint64_t i) {
  const std::uint64_t mixed = support::Rng::mix(i);
  switch (shape) {
    case Shape::decimal: return decimal(mixed);
    case Shape::big_endian: return big_endian(mixed);
    case Shape::sequential: return decimal(i);
    case Shape::shared_prefix: return std::string(64, 'p') + big_endian(mixed);
    case Shape::url:
      return "https://www." + std::to_string(mixed % 30) + ".example.org/" +
             std::to_string(mixed / 32 % 20) + "/item?id=" + std::to_string(mixed >> 20);
    case Shape::odd: return odd_key(mixed);
  }
  return {};
}

/// All that was ever written, as plainly as can be.
class Model {
 public:
  struct Version {
    std::uint64_t sequence;
    Kind kind;
    std::string value;
    std::int64_t expiry;
  };

  void add(const std::string& key, Version version) { keys_[key].push_back(std::move(version)); }
  /// The newest version at or below a sequence; null without one.
  [[nodiscard]] const Version* find(const std::string& key, std::uint64_t at) const {
    const auto found = keys_.find(key);
    return found == keys_.end() ? nullptr : newest(found->second, at);
  }
  /// The first key at or after (after: only after) `key` that has a version.
  [[nodiscard]] std::optional<std::string> forward(const std::string& key, bool after,
                                                   std::uint64_t at) const {
    auto it = after ? keys_.upper_bound(key) : keys_.lower_bound(key);
    while (it != keys_.end() && newest(it->second, at) == nullptr) ++it;
    return it == keys_.end() ? std::nullopt : std::optional(it->first);
  }
  /// The last key before `key` that has a version; without a key, the last one.
  [[nodiscard]] std::optional<std::string> backward(const std::optional<std::string>& key,
                                                    std::uint64_t at) const {
    auto it = key ? keys_.lower_bound(*key) : keys_.end();
    while (it != keys_.begin()) {
      --it;
      if (newest(it->second, at) != nullptr) return it->first;
    }
    return std::nullopt;
  }

 private:
  static const Version* newest(const std::vector<Version>& versions, std::uint64_t at) {
    for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
      if (it->sequence <= at) return &*it;
    }
    return nullptr;
  }

  std::map<std::string, std::vector<Version>> keys_;
};

}  // namespace siltstone::memtable
