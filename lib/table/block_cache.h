// Blocks, partitions and large values in memory, within a budget of bytes.
//
// A reader finds a thing through a word (frame_word.h) that the thing's parent has, under an
// EpochGuard, without a lock. The cache fills words, empties them, and keeps the memory.
//
//   miss:   pin the parent, leave the epoch -> allocate() -> fill the frame -> publish()
//   hit:    look(word) -> read, or pin() and leave the epoch
//
// Invariants:
// 1. A word changes from 0 to a thing and back to 0 only under the lock; readers set its touched
//    bit. So of two loaders of one thing one wins, and the other gets the winner's.
// 2. What a word led to is recycled only when no guard is left that was there when the word was
//    emptied, and no pin is left. A pin is counted under such a guard, or besides another pin.
// 3. Words lie in an object (a partition) or in what outlives them until forget() (a root). While
//    one word of an object leads to something, the object is not given up; when it was given up,
//    nothing is published in its words any more, though pins may keep it alive.
// 4. Slabs that take memory, large frames and objects are together within the budget, always. What
//    cannot be had within it is had outside of it, is not published, and goes with its last pin:
//    so pins make no read fail, and only they exceed the budget.
// 5. A hand passes over the queue of all entries. What was touched since it came by gets another
//    round, and one more untouched; partitions are spared longer. What a scan loads waits in a
//    queue of its own, of which the oldest go first as soon as it holds more than a sixteenth of
//    the budget; one in eight is taken from the other queue even then, so that it ages.
// 6. A step of the hand is bounded: behind 64 entries in a row that it would spare, it takes the
//    next one that is not pinned.
//
// Lock order: the cache's lock, then that of its Reclaimer. Nothing is reclaimed under the lock.
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/epoch.h"
#include "base/mutex.h"
#include "table/cache_entry.h"
#include "table/frame_slabs.h"

namespace siltstone::table {

/// A frame and the count that keeps it.
struct PinnedFrame {
  Pin pin;
  FrameView view;
};

/// A frame that nobody finds yet, to be filled. Given up when it goes without being published.
struct FreshFrame {
  Pin pin;
  base::MutableBytes bytes;  ///< At least as many as asked for, of any content.
};

/// An object and the count that keeps it.
template <std::derived_from<CachedObject> T>
struct PinnedObject {
  Pin pin;
  T* object = nullptr;

  T* operator->() const noexcept { return object; }
};

/// What a new entry is worth: a scan will not come back to it soon.
enum class Entering : std::uint8_t { point, scan };

struct CacheStats {
  std::size_t budget_bytes = 0;
  std::size_t slab_bytes = 0;     ///< Memory of frames, free ones included.
  std::size_t other_bytes = 0;    ///< Large frames and objects within the budget.
  std::size_t outside_bytes = 0;  ///< What is pinned, and found no place in the budget.
  std::size_t pinned_bytes = 0;   ///< Within the budget or outside.
  std::uint64_t entries = 0;      ///< That readers find now.
  std::uint64_t inserted = 0;     ///< Published since the beginning: the misses.
  std::uint64_t evicted = 0;
  std::uint64_t lost_races = 0;  ///< Loads in vain: another loader was faster.
  bool huge_pages = false;
};

/// Thread-safe, but for its end.
class BlockCache {
 public:
  /// Frees the cache when its last pin is gone. REQUIRES, where the cache is given up: every word
  /// was forgotten.
  struct Close {
    void operator()(BlockCache* cache) const noexcept { cache->close(); }
  };
  using Owner = std::unique_ptr<BlockCache, Close>;

  /// Nothing is cached with a budget under 128 KiB. `out_of_memory`.
  [[nodiscard]] static Result<Owner> create(std::size_t budget_bytes,
                                            base::PageKind kind = base::PageKind::huge);

  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  /// A frame of at least this size, up to 65 MiB: aligned to 4 KiB, with 64 bytes behind it that
  /// may be read. Evicts what must go for it; never waits for readers. The caller holds no guard,
  /// or what was evicted for it cannot be had at once. `out_of_memory`.
  [[nodiscard]] Result<FreshFrame> allocate(std::size_t bytes);

  /// Lets readers find the frame through `word`, which lies in `owner` (null: in no object). When
  /// another one is found there already, returns that one instead. REQUIRES: the owner is pinned,
  /// or the word is not forgotten before this returns.
  [[nodiscard]] PinnedFrame publish(FreshFrame frame, FrameWord& word, std::uint16_t meta,
                                    CachedObject* owner, Entering entering = Entering::point);
  /// The same for an object; its word lies in no other.
  template <std::derived_from<CachedObject> T>
  [[nodiscard]] PinnedObject<T> publish(std::unique_ptr<T> object, FrameWord& word) {
    Pin pin = publish_object(std::move(object), word);
    T* const found = static_cast<T*>(static_cast<CachedObject*>(pin.entry_));
    return {std::move(pin), found};
  }

  // For readers. REQUIRE an EpochGuard that was there when the word was read, or a pin.
  /// Keeps the frame of this view.
  [[nodiscard]] Pin pin(FrameView view) const noexcept;
  [[nodiscard]] static Pin pin(CachedObject& object) noexcept;
  /// The object of a word of objects, for a reader that counts as a use of it; or null.
  template <std::derived_from<CachedObject> T>
  [[nodiscard]] static T* look_object(FrameWord& word) noexcept {
    const FrameView view = look(word);
    return static_cast<T*>(reinterpret_cast<CachedObject*>(const_cast<std::byte*>(view.data)));
  }

  /// Empties these words, and those of the objects in them, which nobody fills any more: the
  /// table is gone.
  void forget(std::span<FrameWord> words) noexcept;

  /// Brings memory that frames will need into memory ahead of them: a slab, if there is room for
  /// one and none is vacant. False when there is nothing to do. For background work.
  bool prepare() noexcept;

  [[nodiscard]] CacheStats stats() const noexcept;

 private:
  friend class CacheEntry;
  struct alignas(64) Counter {
    std::atomic<std::size_t> value{0};
  };

  BlockCache(std::size_t budget_bytes, FrameSlabs slabs) noexcept;
  ~BlockCache();
  void close() noexcept;

  // What is found through a word, and the word.
  struct Published {
    Pin pin;
    std::uint64_t value = 0;
  };
  // What went: an entry that may be looked at under the lock only if it is a frame in a slab.
  struct Evicted {
    CacheEntry* slab_frame = nullptr;
    std::size_t bytes = 0;
  };

  [[nodiscard]] CacheEntry* take_frame(std::size_t pages) noexcept;
  [[nodiscard]] CacheEntry* take_frame_locked(std::size_t pages) noexcept SILT_REQUIRES(mutex_);
  void make_room_for_frame(std::size_t pages) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool reserve(std::size_t bytes) noexcept;
  [[nodiscard]] bool reserve_locked(std::size_t bytes) noexcept SILT_REQUIRES(mutex_);
  void make_room(std::size_t bytes) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] CacheEntry* make_large_frame(std::size_t bytes) noexcept;
  [[nodiscard]] Pin publish_object(std::unique_ptr<CachedObject> object, FrameWord& word) noexcept;
  [[nodiscard]] Published publish_entry(Pin fresh, FrameWord& word, std::uint64_t value,
                                        CachedObject* owner, Entering entering) noexcept;

  [[nodiscard]] std::optional<Evicted> evict_one() noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool take_word(CacheEntry& entry, bool forced) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] EntryQueue& next_queue() noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool empty_slab_of(const CacheEntry& frame) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool can_grow() const noexcept SILT_REQUIRES(mutex_) {
    return used_bytes() + slabs_.slab_bytes() <= budget_bytes_;
  }
  void retire(CacheEntry& entry) noexcept SILT_REQUIRES(mutex_);
  void dequeue(CacheEntry& entry) noexcept SILT_REQUIRES(mutex_);
  void collect() noexcept { reclaimer_->collect(); }
  // Called by entries without hold and pin.
  void recycle(CacheEntry& entry) noexcept;
  void count_pinned(const CacheEntry& entry, std::size_t bytes) noexcept {
    const auto place = reinterpret_cast<std::uintptr_t>(&entry) / alignof(Counter);
    pinned_bytes_[place % pinned_bytes_.size()].value.fetch_add(bytes, std::memory_order_relaxed);
  }

  [[nodiscard]] CacheEntry& entry_of(std::uint64_t word) const noexcept;
  [[nodiscard]] base::MutableBytes bytes_of(CacheEntry& frame) const noexcept;
  [[nodiscard]] std::size_t used_bytes() const noexcept SILT_REQUIRES(mutex_) {
    return slabs_.resident_bytes() + other_bytes_;
  }

  // By many threads at a time, so spread: each on the counter that the entry's address chooses.
  std::array<Counter, 16> pinned_bytes_;
  const std::size_t budget_bytes_;
  std::atomic<std::size_t> outside_bytes_{0};
  // Always there but in close().
  std::unique_ptr<base::Reclaimer> reclaimer_ = std::make_unique<base::Reclaimer>();

  mutable base::Mutex mutex_;
  EntryQueue main_ SILT_GUARDED_BY(mutex_){CacheEntry::Place::main};
  EntryQueue probation_ SILT_GUARDED_BY(mutex_){CacheEntry::Place::probation};
  std::size_t other_bytes_ SILT_GUARDED_BY(mutex_) = 0;
  std::uint64_t alive_ SILT_GUARDED_BY(mutex_) = 1;  // entries in use, and the owner
  CacheStats counts_ SILT_GUARDED_BY(mutex_);
  FrameSlabs slabs_;  // guarded by mutex_, but for what FrameSlabs says
  std::uint32_t from_probation_ SILT_GUARDED_BY(mutex_) = 0;  // looked at in a row
};

}  // namespace siltstone::table
