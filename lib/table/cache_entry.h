// What the block cache keeps books on: frames of bytes, and objects such as partitions. And pins,
// by which others keep them.
//
// Life of an entry. It is made with one pin, its maker's, unknown to readers. Publishing it gives
// it a word and the cache's own hold on it. Evicting it takes the word back at once, and the hold
// when no reader is left who might have seen the word. The memory goes back when there is neither
// hold nor pin, whoever gave up the last of them.
//
//            make             publish              evict             epoch over
//     (none) ----> pinned --------------> found ----------> retired ------------> unheld
//                     |                   readers pin under their guards            |
//                     +------- last unpin ------> recycled <----- no pin, or last unpin
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/epoch.h"
#include "table/frame_word.h"

namespace siltstone::table {

class BlockCache;
class CachedObject;

/// The unit in which frames and charges are counted.
inline constexpr std::size_t kFramePageBytes = 4096;
/// Behind each frame, for reads beyond it.
inline constexpr std::size_t kFrameSlackBytes = 64;

[[nodiscard]] constexpr std::size_t frame_pages(std::size_t bytes) noexcept {
  return (bytes + kFramePageBytes - 1) / kFramePageBytes;
}

/// Base of all that is cached. Frames in slabs are this alone. Pinning is thread-safe, the rest is
/// the cache's, under its lock.
class CacheEntry : public base::Retired {
 public:
  CacheEntry(const CacheEntry&) = delete;
  CacheEntry& operator=(const CacheEntry&) = delete;

  [[nodiscard]] std::size_t bytes() const noexcept { return pages_ * kFramePageBytes; }

 protected:
  CacheEntry(BlockCache* cache, std::size_t pages) noexcept
      : cache_(cache), pages_(static_cast<std::uint16_t>(pages)) {}
  ~CacheEntry() override = default;

 private:
  friend class BlockCache;
  friend class CachedObject;
  friend class EntryQueue;
  friend class FrameSlabs;
  friend class Pin;

  static constexpr std::uint32_t kHeld = std::uint32_t{1} << 31;  // by the cache
  static constexpr std::uint32_t kPins = kHeld - 1;

  enum class Kind : std::uint8_t { frame, large_frame, object };
  enum class Place : std::uint8_t { none, probation, main };

  void pin() noexcept;
  void unpin() noexcept;
  // No reader can have it from its word any more.
  void reclaim() noexcept final;

  [[nodiscard]] bool pinned() const noexcept {
    return (holds_.load(std::memory_order_relaxed) & kPins) != 0;
  }

  BlockCache* cache_;
  FrameWord* word_ = nullptr;      // null: no reader can find it
  CachedObject* owner_ = nullptr;  // in which the word lies; null for a word of no object
  CacheEntry* previous_ = nullptr;
  CacheEntry* next_ = nullptr;  // in its queue, or of free frames
  std::atomic<std::uint32_t> holds_{0};
  std::uint16_t pages_;
  std::uint8_t lives_ = 0;  // how often the hand spares it untouched
  Kind kind_ : 4 = Kind::frame;
  Place place_ : 4 = Place::none;
};

/// A count on an entry: while it lives, what the entry holds stays where and as it is. Cheap to
/// move; may cross threads, and outlive the owner of the cache.
class Pin {
 public:
  Pin() = default;
  Pin(Pin&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  Pin& operator=(Pin&& other) noexcept {
    if (this != &other) {
      reset();
      entry_ = std::exchange(other.entry_, nullptr);
    }
    return *this;
  }
  ~Pin() { reset(); }

  explicit operator bool() const noexcept { return entry_ != nullptr; }
  /// One more on the same entry.
  [[nodiscard]] Pin share() const noexcept {
    if (entry_ != nullptr) entry_->pin();
    return Pin(entry_);
  }
  void reset() noexcept {
    if (CacheEntry* const entry = std::exchange(entry_, nullptr)) entry->unpin();
  }

 private:
  friend class BlockCache;
  // Takes over a count.
  explicit Pin(CacheEntry* entry) noexcept : entry_(entry) {}

  CacheEntry* entry_ = nullptr;
};

/// An object that the cache keeps and gives up as a whole, such as a partition: found through a
/// word, counted in the budget by the size that it says. It may own words itself, those of its
/// children: it is not given up while one of them is cached.
class alignas(64) CachedObject : public CacheEntry {
 public:
  ~CachedObject() override = default;

 protected:
  /// With the bytes that it takes: at most 255 MiB.
  explicit CachedObject(std::size_t bytes) noexcept;

 private:
  friend class BlockCache;

  // How often the hand spares it untouched, behind a touch.
  static constexpr std::uint8_t kLives = 3;

  /// The words of its children, the same ones each time.
  [[nodiscard]] virtual std::span<FrameWord> words() noexcept = 0;

  std::uint32_t children_ = 0;  // of its words that are not 0
  bool counted_ = false;        // in the budget
};

/// Entries in the order in which the hand comes by. Not thread-safe.
class EntryQueue {
 public:
  explicit EntryQueue(CacheEntry::Place place) noexcept : place_(place) {}

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] CacheEntry* front() const noexcept { return first_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  void push_back(CacheEntry& entry) noexcept;
  void remove(CacheEntry& entry) noexcept;

 private:
  const CacheEntry::Place place_;
  CacheEntry* first_ = nullptr;
  CacheEntry* last_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace siltstone::table
