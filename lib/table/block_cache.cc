// How entries come and are found: see block_cache.h. How they go is in block_cache_evict.cc.
#include "table/block_cache.h"

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"
#include "table/large_frame.h"

namespace siltstone::table {
namespace {

// Tries to get what was evicted, which readers may still have: then it is had elsewhere.
constexpr int kAttempts = 3;
// Of the budget: the largest single thing.
constexpr std::size_t kLargestShare = 4;
constexpr std::size_t kMaxFrameBytes = std::size_t{65} << 20;

}  // namespace

Result<BlockCache::Owner> BlockCache::create(std::size_t budget_bytes, base::PageKind kind) {
  FrameSlabs slabs = SILT_TRY(FrameSlabs::create(budget_bytes, kind));
  return Owner(new BlockCache(budget_bytes, std::move(slabs)));
}

BlockCache::BlockCache(std::size_t budget_bytes, FrameSlabs slabs) noexcept
    : budget_bytes_(budget_bytes), slabs_(std::move(slabs)) {}

BlockCache::~BlockCache() = default;

void BlockCache::close() noexcept {
  base::MutexLock lock(mutex_);
  SILT_ASSERT(main_.empty());
  SILT_ASSERT(probation_.empty());
  lock.unlock();
  reclaimer_.reset();
  lock.lock();
  const bool last = --alive_ == 0;
  lock.unlock();
  if (last) delete this;
}

// Making.

Result<FreshFrame> BlockCache::allocate(std::size_t bytes) {
  if (bytes > kMaxFrameBytes) {
    return base::fail(ErrorCode::invalid_argument, "a frame is too large");
  }
  CacheEntry* entry = nullptr;
  if (bytes <= kMaxSlabFrameBytes) entry = take_frame(std::max<std::size_t>(frame_pages(bytes), 1));
  if (entry == nullptr) entry = make_large_frame(bytes);
  if (entry == nullptr) return base::fail(ErrorCode::out_of_memory, "no memory for a frame");
  count_pinned(*entry, entry->bytes());
  return FreshFrame{Pin(entry), bytes_of(*entry)};
}

CacheEntry* BlockCache::take_frame(std::size_t pages) noexcept {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    base::MutexLock lock(mutex_);
    CacheEntry* const frame = take_frame_locked(pages);
    if (frame != nullptr) {
      frame->holds_.store(1, std::memory_order_relaxed);
      ++alive_;
      // Ahead, so that readers will be through with them when the next one is asked for.
      if (!slabs_.has_free(pages) && !slabs_.has_vacant(can_grow())) {
        make_room_for_frame(pages);
      }
      return frame;
    }
    if (attempt != 0) make_room_for_frame(pages);
    lock.unlock();
    collect();
  }
  return nullptr;
}

CacheEntry* BlockCache::take_frame_locked(std::size_t pages) noexcept {
  if (CacheEntry* const frame = slabs_.take(pages)) return frame;
  return slabs_.assign(pages, this, can_grow()) ? slabs_.take(pages) : nullptr;
}

bool BlockCache::reserve(std::size_t bytes) noexcept {
  if (bytes > budget_bytes_ / kLargestShare) return false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    base::MutexLock lock(mutex_);
    if (reserve_locked(bytes)) return true;
    if (attempt != 0) make_room(used_bytes() + bytes - budget_bytes_);
    lock.unlock();
    collect();
  }
  return false;
}

bool BlockCache::reserve_locked(std::size_t bytes) noexcept {
  while (used_bytes() + bytes > budget_bytes_) {
    if (!slabs_.discard_one()) return false;
  }
  other_bytes_ += bytes;
  return true;
}

CacheEntry* BlockCache::make_large_frame(std::size_t bytes) noexcept {
  const std::size_t charge = LargeFrame::charge(bytes);
  // A small frame comes here only when there is no room for it.
  const bool counted = bytes > kMaxSlabFrameBytes && reserve(charge);
  LargeFrame* const frame = LargeFrame::make(this, bytes);
  base::MutexLock lock(mutex_);
  if (frame == nullptr) {
    if (counted) other_bytes_ -= charge;
    return nullptr;
  }
  frame->kind_ = CacheEntry::Kind::large_frame;
  frame->counted = counted;
  frame->holds_.store(1, std::memory_order_relaxed);
  if (!counted) outside_bytes_.fetch_add(charge, std::memory_order_relaxed);
  ++alive_;
  return frame;
}

// Publishing.

PinnedFrame BlockCache::publish(FreshFrame frame, FrameWord& word, std::uint16_t meta,
                                CachedObject* owner, Entering entering) {
  const CacheEntry& entry = *frame.pin.entry_;
  const std::uint64_t value = frame_word::pack(frame.bytes.data(), meta, 0);
  if (entry.kind_ == CacheEntry::Kind::large_frame &&
      !static_cast<const LargeFrame&>(entry).counted) {
    return {std::move(frame.pin), frame_word::view_of(value)};
  }
  Published found = publish_entry(std::move(frame.pin), word, value, owner, entering);
  return {std::move(found.pin), frame_word::view_of(found.value)};
}

Pin BlockCache::publish_object(std::unique_ptr<CachedObject> object, FrameWord& word) noexcept {
  CachedObject& entry = *object.release();
  entry.cache_ = this;
  entry.counted_ = reserve(entry.bytes());
  entry.holds_.store(1, std::memory_order_relaxed);
  count_pinned(entry, entry.bytes());
  Pin fresh(&entry);
  {
    const base::MutexLock lock(mutex_);
    ++alive_;
  }
  if (!entry.counted_) {
    outside_bytes_.fetch_add(entry.bytes(), std::memory_order_relaxed);
    return fresh;
  }
  const std::uint64_t value = frame_word::pack(&entry, 0, frame_word::kObject);
  return publish_entry(std::move(fresh), word, value, nullptr, Entering::point).pin;
}

// A fresh entry that comes in vain is recycled when its pin goes, which is behind the lock.
BlockCache::Published BlockCache::publish_entry(Pin fresh, FrameWord& word, std::uint64_t value,
                                                CachedObject* owner, Entering entering) noexcept {
  CacheEntry& entry = *fresh.entry_;
  const base::MutexLock lock(mutex_);
  if (owner != nullptr && owner->word_ == nullptr) return {std::move(fresh), value};
  const std::uint64_t seen = word.load(std::memory_order_acquire);
  if (seen != 0) {
    ++counts_.lost_races;
    CacheEntry& winner = entry_of(seen);
    winner.pin();
    return {Pin(&winner), seen};
  }
  entry.word_ = &word;
  entry.owner_ = owner;
  if (owner != nullptr) ++owner->children_;
  entry.lives_ = entry.kind_ == CacheEntry::Kind::object ? CachedObject::kLives : 0;
  (entering == Entering::scan ? probation_ : main_).push_back(entry);
  entry.holds_.fetch_or(CacheEntry::kHeld, std::memory_order_relaxed);
  ++counts_.entries;
  ++counts_.inserted;
  word.store(value, std::memory_order_release);
  return {std::move(fresh), value};
}

// Pinning.

Pin BlockCache::pin(FrameView view) const noexcept {
  CacheEntry& entry = entry_of(frame_word::pack(view.data, 0, 0));
  entry.pin();
  return Pin(&entry);
}

Pin BlockCache::pin(CachedObject& object) noexcept {
  object.CacheEntry::pin();
  return Pin(&object);
}

CacheEntry& BlockCache::entry_of(std::uint64_t word) const noexcept {
  std::byte* const address = frame_word::address_of(word);
  if ((word & frame_word::kObject) != 0) return *reinterpret_cast<CachedObject*>(address);
  if (slabs_.contains(address)) return slabs_.entry_of(address);
  return LargeFrame::of(address);
}

base::MutableBytes BlockCache::bytes_of(CacheEntry& frame) const noexcept {
  if (frame.kind_ == CacheEntry::Kind::large_frame) return static_cast<LargeFrame&>(frame).data();
  return {slabs_.data_of(frame), frame.bytes()};
}

void BlockCache::forget(std::span<FrameWord> words) noexcept {
  for (FrameWord& word : words) {
    const base::MutexLock lock(mutex_);
    const std::uint64_t seen = word.load(std::memory_order_acquire);
    if (seen == 0) continue;
    CacheEntry& entry = entry_of(seen);
    if (entry.kind_ == CacheEntry::Kind::object) {
      for (const FrameWord& child : static_cast<CachedObject&>(entry).words()) {
        const std::uint64_t value = child.load(std::memory_order_acquire);
        if (value != 0) retire(entry_of(value));
      }
    }
    retire(entry);
  }
  collect();
}

void BlockCache::recycle(CacheEntry& entry) noexcept {
  const CacheEntry::Kind kind = entry.kind_;
  const std::size_t bytes = entry.bytes();
  bool counted = true;
  if (kind == CacheEntry::Kind::large_frame) {
    counted = static_cast<LargeFrame&>(entry).counted;
    LargeFrame::destroy(static_cast<LargeFrame&>(entry));
  } else if (kind == CacheEntry::Kind::object) {
    SILT_ASSERT(static_cast<CachedObject&>(entry).children_ == 0);
    counted = static_cast<CachedObject&>(entry).counted_;
    delete static_cast<CachedObject*>(&entry);
  }
  base::MutexLock lock(mutex_);
  if (kind == CacheEntry::Kind::frame) {
    slabs_.give_back(entry);
  } else if (counted) {
    other_bytes_ -= bytes;
  } else {
    outside_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  const bool last = --alive_ == 0;
  lock.unlock();
  if (last) delete this;
}

bool BlockCache::prepare() noexcept {
  base::MutexLock lock(mutex_);
  if (slabs_.has_vacant(false) || !can_grow()) return false;
  const std::optional<std::uint32_t> slab = slabs_.withdraw();
  if (!slab) return false;
  lock.unlock();
  slabs_.populate(*slab);
  lock.lock();
  slabs_.admit(*slab);
  return true;
}

CacheStats BlockCache::stats() const noexcept {
  const base::MutexLock lock(mutex_);
  CacheStats stats = counts_;
  stats.budget_bytes = budget_bytes_;
  stats.slab_bytes = slabs_.resident_bytes();
  stats.other_bytes = other_bytes_;
  stats.outside_bytes = outside_bytes_.load(std::memory_order_relaxed);
  for (const Counter& counter : pinned_bytes_) {
    stats.pinned_bytes += counter.value.load(std::memory_order_relaxed);
  }
  stats.huge_pages = slabs_.huge();
  return stats;
}

}  // namespace siltstone::table
