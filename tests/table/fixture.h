// What the tests of blocks share: entries of many shapes, the blocks they become, and frames of
// exactly as many bytes as were asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "support/rng.h"
#include "table/block.h"
#include "table/block_builder.h"
#include "table/block_load.h"
#include "table/entry.h"

namespace siltstone::table {

inline constexpr std::uint64_t kHashSeed = 42;

inline std::uint64_t hash_of(std::string_view key) {
  return base::hash64(base::as_bytes(key), kHashSeed);
}

/// An entry that owns its bytes.
struct OwnedEntry {
  std::string key;
  std::uint64_t sequence = 0;
  base::EntryKind kind = base::EntryKind::value;
  std::int64_t expiry = 0;
  std::string value;
  std::optional<ValueReference> outside;

  [[nodiscard]] Entry view() const { return {key, base::Sequence(sequence), kind, expiry, value}; }
};

/// Whether an entry comes before version `sequence` of `key`.
inline bool is_before(const OwnedEntry& entry, std::string_view key, std::uint64_t sequence) {
  return entry.key != key ? std::string_view(entry.key) < key : entry.sequence > sequence;
}

/// A key of the default keyspace.
inline std::string key_text(std::string_view user_key) {
  return std::string(kKeyspaceBytes, '\0') + std::string(user_key);
}

inline std::string decimal(std::uint64_t number) {
  std::string digits = std::to_string(number % 10'000'000'000'000'000);
  return std::string(16 - digits.size(), '0') + digits;
}

enum class Shape : std::uint8_t {
  decimal,
  big_endian,
  shared_prefix,
  long_tail,  // the prefix shrinks while the lengths behind it cross from one byte to two
  url,
  odd,
  keyspaces,
};
inline constexpr Shape kShapes[] = {Shape::decimal,   Shape::big_endian, Shape::shared_prefix,
                                    Shape::long_tail, Shape::url,        Shape::odd,
                                    Shape::keyspaces};

/// Random user keys that are prefixes of each other, empty, of zeros and of 0xff.
inline std::string odd_key(support::Rng& rng) {
  const char alphabet[] = {'\0', '\1', 'a', '\x7f', '\x80', '\xff'};
  std::string text(rng.coin() ? 0 : rng.below(12), rng.coin() ? '\0' : '\xff');
  for (std::uint64_t left = rng.below(6); left > 0; --left) text += alphabet[rng.below(6)];
  return text;
}

inline std::string random_key(Shape shape, support::Rng& rng) {
  const std::uint64_t bits = rng.next();
  std::string big_endian;
  for (int shift = 56; shift >= 0; shift -= 8) big_endian += static_cast<char>(bits >> shift);
  switch (shape) {
    case Shape::decimal: return key_text(decimal(bits));
    case Shape::big_endian: return key_text(big_endian);
    case Shape::shared_prefix: return key_text(std::string(300, 'p') + big_endian);
    case Shape::long_tail:
      return key_text(std::string(40 * (bits % 4), 'm') + big_endian + std::string(90, 'x'));
    case Shape::url:
      return key_text("https://www.example.org/" + std::to_string(bits % 1000) +
                      "/item?id=" + std::to_string(bits >> 50));
    case Shape::odd: return key_text(odd_key(rng));
    case Shape::keyspaces: return big_endian.substr(0, 4) + odd_key(rng);
  }
  return {};
}

inline std::string random_value(support::Rng& rng, std::size_t longest) {
  std::string value(rng.below(longest + 1), 'v');
  if (!value.empty()) value.front() = static_cast<char>(rng.next());
  return value;
}

/// In order, without two of the same key and sequence. `is_rich`: of all kinds, of several versions
/// and sequences.
inline std::vector<OwnedEntry> random_entries(support::Rng& rng, Shape shape, std::size_t count,
                                              std::size_t longest_value, bool is_rich) {
  std::vector<OwnedEntry> entries;
  while (entries.size() < count) {
    OwnedEntry entry;
    const bool is_version = is_rich && !entries.empty() && rng.below(4) == 0;
    entry.key = is_version ? entries.back().key : random_key(shape, rng);
    entry.sequence = is_rich ? rng.below(rng.coin() ? 100 : base::kMaxSequence.value() + 1) : 7;
    entry.value = random_value(rng, longest_value);
    if (is_rich && rng.below(4) == 0) {
      entry.kind = base::EntryKind::erase;
      entry.value.clear();
    } else if (is_rich && rng.below(4) == 0) {
      entry.kind = base::EntryKind::value_with_expiry;
      entry.expiry = static_cast<std::int64_t>(rng.next());
    }
    if (is_rich && entry.kind != base::EntryKind::erase && rng.below(8) == 0) {
      entry.value.clear();
      const auto sector = static_cast<std::uint32_t>(rng.below(1000));
      entry.outside = ValueReference{sector, 69, 35'000};
    }
    entries.push_back(entry);
  }
  std::ranges::sort(entries, [](const OwnedEntry& a, const OwnedEntry& b) {
    return is_before(a, b.key, b.sequence);
  });
  const auto twins = std::ranges::unique(entries, [](const OwnedEntry& a, const OwnedEntry& b) {
    return a.key == b.key && a.sequence == b.sequence;
  });
  entries.erase(twins.begin(), twins.end());
  if (!is_rich) {
    const auto versions = std::ranges::unique(entries, {}, &OwnedEntry::key);
    entries.erase(versions.begin(), versions.end());
  }
  return entries;
}

/// Memory of exactly so many bytes, aligned to a line: a sanitizer sees every step beyond.
class Frame {
 public:
  explicit Frame(std::size_t bytes)
      : size_(bytes), bytes_(static_cast<std::byte*>(std::aligned_alloc(kLineBytes, bytes))) {
    if (bytes_ == nullptr) throw std::bad_alloc();
    std::fill_n(bytes_.get(), size_, std::byte{0xdb});
  }

  [[nodiscard]] base::MutableBytes bytes() const { return {bytes_.get(), size_}; }
  [[nodiscard]] const std::byte* data() const { return bytes_.get(); }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> bytes_;
};

/// A raw block that owns its bytes.
struct RawBlock {
  std::vector<std::byte> raw;
  std::uint32_t entries = 0;
  std::string first_key;
  std::string last_key;
  bool is_continuation = false;
};

inline bool add_to(BlockBuilder& builder, const OwnedEntry& entry) {
  return entry.outside ? builder.add_outside(entry.view(), *entry.outside)
                       : builder.add(entry.view());
}

inline RawBlock finish(BlockBuilder& builder) {
  const FinishedBlock block = builder.finish();
  return {{block.raw.begin(), block.raw.end()},
          block.entries,
          std::string(block.first_key),
          std::string(block.last_key),
          block.is_continuation};
}

inline std::vector<RawBlock> build(const std::vector<OwnedEntry>& entries, BlockLimits limits) {
  BlockBuilder builder(limits);
  std::vector<RawBlock> blocks;
  for (const OwnedEntry& entry : entries) {
    while (!add_to(builder, entry)) blocks.push_back(finish(builder));
  }
  while (!builder.empty()) blocks.push_back(finish(builder));
  return blocks;
}

inline Frame load(base::Bytes raw) {
  const auto shape = read_block_shape(raw);
  REQUIRE(shape);
  Frame frame(shape->frame_bytes);
  const auto loaded = load_block(raw, kHashSeed, frame.bytes());
  if (!loaded) FAIL(loaded.error().to_string());
  return frame;
}

/// All in one block.
inline Frame load_all(const std::vector<OwnedEntry>& entries) {
  const auto blocks = build(entries, {.raw_bytes = kMaxFrameBytes, .frame_bytes = kMaxFrameBytes});
  REQUIRE(blocks.size() == 1);
  return load(blocks.front().raw);
}

}  // namespace siltstone::table
