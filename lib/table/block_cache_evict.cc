// What goes when room is needed: see block_cache.h.
#include <array>
#include <optional>

#include "base/yield.h"
#include "table/block_cache.h"

namespace siltstone::table {
namespace {

// Evicted at a time, so that not every miss goes through the epochs.
constexpr int kBatch = 8;
// Entries that the hand spares in a row.
constexpr int kPatience = 64;
// How often it spares a frame untouched, behind a touch.
constexpr std::uint8_t kFrameLives = 1;
// Of the budget: what scans may hold before they evict each other, and what may lie idle in frames
// of sizes that nobody asks for.
constexpr std::size_t kProbationShare = 16;
constexpr std::size_t kIdleShare = 16;
// How many a scan evicts of its own for one of the others.
constexpr std::uint32_t kAgeing = 8;

}  // namespace

// Evicts some, and if none of them is of this size, all of a slab. But where frames of other sizes
// lie idle, those who keep the least of them from being had go first.
void BlockCache::make_room_for_frame(std::size_t pages) noexcept {
  if (slabs_.free_bytes() > budget_bytes_ / kIdleShare) {
    const CacheEntry* const neighbour = slabs_.sparsest();
    if (neighbour != nullptr && empty_slab_of(*neighbour)) return;
  }
  std::array<CacheEntry*, kBatch> others;
  std::size_t other_count = 0;
  bool found = false;
  for (int i = 0; i < kBatch; ++i) {
    const std::optional<Evicted> evicted = evict_one();
    if (!evicted) break;
    if (evicted->slab_frame == nullptr) continue;
    found |= evicted->bytes == pages * kFramePageBytes;
    others[other_count++] = evicted->slab_frame;
  }
  for (std::size_t i = 0; !found && i < other_count; ++i) found = empty_slab_of(*others[i]);
}

// Evicts what will make up for `bytes`: frames count by the slab.
void BlockCache::make_room(std::size_t bytes) noexcept {
  std::size_t promised = 0;
  for (int i = 0; i < kPatience && promised < bytes; ++i) {
    const std::optional<Evicted> evicted = evict_one();
    if (!evicted) return;
    if (evicted->slab_frame == nullptr) {
      promised += evicted->bytes;
    } else if (empty_slab_of(*evicted->slab_frame)) {
      promised += slabs_.slab_bytes();
    }
  }
}

std::optional<BlockCache::Evicted> BlockCache::evict_one() noexcept {
  for (int step = 0; step < 2 * kPatience; ++step) {
    EntryQueue& queue = next_queue();
    CacheEntry* const entry = queue.front();
    if (entry == nullptr) return std::nullopt;
    if (take_word(*entry, step >= kPatience)) {
      const bool in_slab = entry->kind_ == CacheEntry::Kind::frame;
      const Evicted evicted{in_slab ? entry : nullptr, entry->bytes()};
      ++counts_.evicted;
      retire(*entry);
      return evicted;
    }
    // What a scan still has in its hands is not proved by that.
    queue.remove(*entry);
    (entry->pinned() ? queue : main_).push_back(*entry);
  }
  return std::nullopt;
}

// Empties the word of an entry that is not to be spared any more; tells whether it did.
bool BlockCache::take_word(CacheEntry& entry, bool forced) noexcept {
  if (entry.pinned()) return false;
  const bool is_object = entry.kind_ == CacheEntry::Kind::object;
  if (is_object && static_cast<CachedObject&>(entry).children_ != 0) return false;
  std::uint64_t seen = entry.word_->load(std::memory_order_relaxed);
  if (forced) {
    entry.word_->store(0, std::memory_order_relaxed);
    return true;
  }
  if ((seen & frame_word::kTouched) != 0) {
    entry.word_->fetch_and(~frame_word::kTouched, std::memory_order_relaxed);
    entry.lives_ = is_object ? CachedObject::kLives : kFrameLives;
    return false;
  }
  if (entry.lives_ != 0) {
    --entry.lives_;
    return false;
  }
  base::yield_point("cache: before an eviction");
  return entry.word_->compare_exchange_strong(seen, 0, std::memory_order_relaxed);
}

EntryQueue& BlockCache::next_queue() noexcept {
  if (main_.empty()) return probation_;
  if (probation_.bytes() <= budget_bytes_ / kProbationShare || from_probation_ == kAgeing) {
    from_probation_ = 0;
    return main_;
  }
  ++from_probation_;
  return probation_;
}

// False when something in it is pinned: then nothing is done.
bool BlockCache::empty_slab_of(const CacheEntry& frame) noexcept {
  const std::span<CacheEntry> frames = slabs_.neighbours(frame);
  for (const CacheEntry& entry : frames) {
    if (entry.pinned()) return false;
  }
  for (CacheEntry& entry : frames) {
    if (entry.word_ == nullptr) continue;
    ++counts_.evicted;
    retire(entry);
  }
  return true;
}

// No reader finds the entry from here on; those who did have their guards or pins.
void BlockCache::retire(CacheEntry& entry) noexcept {
  dequeue(entry);
  entry.word_->store(0, std::memory_order_relaxed);
  entry.word_ = nullptr;
  if (CachedObject* const owner = std::exchange(entry.owner_, nullptr)) --owner->children_;
  --counts_.entries;
  base::yield_point("cache: before retiring");
  reclaimer_->retire(&entry);
}

void BlockCache::dequeue(CacheEntry& entry) noexcept {
  (entry.place_ == CacheEntry::Place::main ? main_ : probation_).remove(entry);
}

}  // namespace siltstone::table
