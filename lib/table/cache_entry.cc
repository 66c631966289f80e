// Counting pins, and queues by links in the entries: see cache_entry.h.
#include "table/cache_entry.h"

#include "base/assert.h"
#include "base/yield.h"
#include "table/block_cache.h"

namespace siltstone::table {

void CacheEntry::pin() noexcept {
  base::yield_point("cache: before a pin");
  const std::uint32_t before = holds_.fetch_add(1, std::memory_order_relaxed);
  if ((before & kPins) == 0) cache_->count_pinned(*this, bytes());
}

// The last pin says so before it goes: behind it neither entry nor cache need be there any more.
void CacheEntry::unpin() noexcept {
  BlockCache& cache = *cache_;
  std::uint32_t holds = holds_.load(std::memory_order_relaxed);
  for (;;) {
    const bool last = (holds & kPins) == 1;
    if (last) cache.count_pinned(*this, -bytes());
    base::yield_point("cache: before an unpin");
    if (holds_.compare_exchange_strong(holds, holds - 1, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
      break;
    }
    if (last) cache.count_pinned(*this, bytes());
  }
  if (holds == 1) cache.recycle(*this);
}

void CacheEntry::reclaim() noexcept {
  BlockCache& cache = *cache_;
  const std::uint32_t before = holds_.fetch_and(~kHeld, std::memory_order_acq_rel);
  SILT_ASSERT((before & kHeld) != 0);
  if (before == kHeld) cache.recycle(*this);
}

CachedObject::CachedObject(std::size_t bytes) noexcept : CacheEntry(nullptr, frame_pages(bytes)) {
  SILT_ASSERT(frame_pages(bytes) <= UINT16_MAX);
  kind_ = Kind::object;
}

void EntryQueue::push_back(CacheEntry& entry) noexcept {
  SILT_ASSERT(entry.place_ == CacheEntry::Place::none);
  entry.place_ = place_;
  entry.previous_ = last_;
  entry.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &entry;
  last_ = &entry;
  bytes_ += entry.bytes();
}

void EntryQueue::remove(CacheEntry& entry) noexcept {
  SILT_ASSERT(entry.place_ == place_);
  entry.place_ = CacheEntry::Place::none;
  (entry.previous_ != nullptr ? entry.previous_->next_ : first_) = entry.next_;
  (entry.next_ != nullptr ? entry.next_->previous_ : last_) = entry.previous_;
  bytes_ -= entry.bytes();
}

}  // namespace siltstone::table
