// A frame too large for a slab, or had outside of the budget: in memory of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "base/bytes.h"
#include "table/cache_entry.h"

namespace siltstone::table {

/// A page with this in front, then the bytes, then 64 that may be read.
class LargeFrame final : public CacheEntry {
 public:
  static constexpr std::size_t kHeaderBytes = kFramePageBytes;

  [[nodiscard]] static std::size_t charge(std::size_t bytes) noexcept {
    return kHeaderBytes + frame_pages(bytes + kFrameSlackBytes) * kFramePageBytes;
  }
  [[nodiscard]] static LargeFrame* make(BlockCache* cache, std::size_t bytes) noexcept {
    const std::size_t size = charge(bytes);
    void* const memory = ::operator new(size, std::align_val_t{kFramePageBytes}, std::nothrow);
    if (memory == nullptr) return nullptr;
    return new (memory) LargeFrame(cache, size / kFramePageBytes);
  }
  static void destroy(LargeFrame& frame) noexcept {
    std::destroy_at(&frame);
    ::operator delete(&frame, std::align_val_t{kFramePageBytes});
  }
  [[nodiscard]] static LargeFrame& of(std::byte* data) noexcept {
    return *std::launder(reinterpret_cast<LargeFrame*>(data - kHeaderBytes));
  }

  [[nodiscard]] base::MutableBytes data() noexcept {
    return {reinterpret_cast<std::byte*>(this) + kHeaderBytes,
            bytes() - kHeaderBytes - kFrameSlackBytes};
  }

  bool counted = false;  // in the budget

 private:
  LargeFrame(BlockCache* cache, std::size_t pages) noexcept : CacheEntry(cache, pages) {
    static_assert(sizeof(LargeFrame) <= kHeaderBytes);
  }
};

}  // namespace siltstone::table
