// Next fit over a bitmap: see frame_pool.h.
#include "page/frame_pool.h"

#include <algorithm>

#include "base/assert.h"
#include "base/try.h"

namespace siltstone::page {

Result<FramePool> FramePool::make(std::size_t bytes, base::PageKind kind) {
  return FramePool(SILT_TRY(base::AlignedBuffer::allocate(std::max(bytes, kPageBytes), kind)));
}

std::optional<FrameIndex> FramePool::take() noexcept {
  if (available_ == 0) return std::nullopt;
  const auto from = in_use_.begin() + static_cast<std::ptrdiff_t>(next_);
  auto found = std::find(from, in_use_.end(), false);
  if (found == in_use_.end()) found = std::find(in_use_.begin(), from, false);
  *found = true;
  --available_;
  const auto index = static_cast<std::size_t>(found - in_use_.begin());
  next_ = index + 1 == in_use_.size() ? 0 : index + 1;
  return static_cast<FrameIndex>(index);
}

void FramePool::give_back(FrameIndex frame) noexcept {
  SILT_ASSERT(in_use_[frame]);
  in_use_[frame] = false;
  ++available_;
  // With nothing in use the next run begins at the front, where the memory is warm.
  if (available_ == in_use_.size()) next_ = 0;
}

}  // namespace siltstone::page
