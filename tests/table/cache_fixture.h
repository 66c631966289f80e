// What the tests of the block cache share: frames whose bytes say what they are, and an object with
// words, as a partition is one.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include "base/epoch.h"
#include "table/block_cache.h"

namespace siltstone::table {

inline constexpr std::size_t kKiB = 1024;

/// Fills a frame with a number, all of it.
inline void stamp(base::MutableBytes bytes, std::uint64_t number) {
  for (std::size_t at = 0; at + sizeof number <= bytes.size(); at += sizeof number) {
    std::memcpy(bytes.data() + at, &number, sizeof number);
  }
}

/// The number that `bytes` bytes are filled with, or nothing when they are not of one.
inline std::optional<std::uint64_t> stamped(const std::byte* data, std::size_t bytes = 4096) {
  std::uint64_t first;
  std::memcpy(&first, data, sizeof first);
  const bool same = std::memcmp(data, data + sizeof first, bytes - sizeof first) == 0;
  return same ? std::optional(first) : std::nullopt;
}

/// Children that it has, and how many there are of its kind.
class Parent final : public CachedObject {
 public:
  static inline std::atomic<int> alive{0};

  Parent(std::uint64_t number, std::size_t children, std::size_t bytes)
      : CachedObject(bytes),
        number_(number),
        words_(std::make_unique<FrameWord[]>(children)),
        children_(children) {
    alive.fetch_add(1);
  }
  ~Parent() override {
    number_ = 0;
    alive.fetch_sub(1);
  }
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] FrameWord& word(std::size_t child) const { return words_[child]; }

 private:
  [[nodiscard]] std::span<FrameWord> words() noexcept override { return {words_.get(), children_}; }

  std::uint64_t number_;
  std::unique_ptr<FrameWord[]> words_;
  std::size_t children_;
};

/// A cache, and words that are forgotten before it ends.
struct CacheWorld {
  BlockCache::Owner cache;
  std::vector<FrameWord> words;

  CacheWorld(std::size_t budget_bytes, std::size_t word_count)
      : cache(BlockCache::create(budget_bytes).value()), words(word_count) {}
  CacheWorld(const CacheWorld&) = delete;
  CacheWorld& operator=(const CacheWorld&) = delete;
  ~CacheWorld() { end(); }

  void end() {
    if (cache == nullptr) return;
    cache->forget(words);
    cache.reset();
  }

  /// Loads "block `number`" into its word.
  PinnedFrame load(std::size_t number, std::size_t bytes = 4096,
                   Entering entering = Entering::point) {
    return load_into(words[number], number, nullptr, bytes, entering);
  }
  PinnedFrame load_into(FrameWord& word, std::uint64_t number, CachedObject* owner,
                        std::size_t bytes = 4096, Entering entering = Entering::point) {
    FreshFrame fresh = cache->allocate(bytes).value();
    stamp(fresh.bytes.first(bytes), number);
    return cache->publish(std::move(fresh), word, static_cast<std::uint16_t>(number), owner,
                          entering);
  }
  /// As a get does; tells whether it was a hit.
  bool get(std::size_t number, std::size_t bytes = 4096) {
    {
      const base::EpochGuard guard;
      if (look(words[number])) return true;
    }
    static_cast<void>(load(number, bytes));
    return false;
  }
  [[nodiscard]] bool holds(std::size_t number) const { return bool{peek(words[number])}; }
  [[nodiscard]] std::size_t count(std::size_t first, std::size_t end) const {
    std::size_t found = 0;
    for (; first < end; ++first) found += holds(first) ? 1 : 0;
    return found;
  }
};

/// What the budget bounds, and the memory that slabs lose to entries.
inline std::size_t within_budget(const CacheStats& stats) {
  return stats.slab_bytes + stats.other_bytes;
}

}  // namespace siltstone::table
