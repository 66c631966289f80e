// ChannelPool: see channel_pool.h.
#include "io/channel_pool.h"

#include "base/assert.h"
#include "base/try.h"

namespace siltstone::io {

ChannelPool::ChannelPool(Storage& storage, Storage& overflow, std::size_t most, std::size_t depth)
    : storage_(storage), overflow_(overflow), most_(most), depth_(depth) {
  free_.reserve(most);
}

Result<ChannelPool::Lease> ChannelPool::borrow() {
  {
    base::MutexLock lock(mutex_);
    if (!free_.empty()) {
      auto channel = std::move(free_.back());
      free_.pop_back();
      return Lease(this, std::move(channel));
    }
    if (count_ < most_) {
      auto channel = std::make_unique<Channel>(SILT_TRY(storage_.make_queue(depth_)));
      ++count_;
      return Lease(this, std::move(channel));
    }
  }
  return Lease(nullptr, std::make_unique<Channel>(SILT_TRY(overflow_.make_queue(depth_))));
}

// A channel that failed is not lent again; another is made in its place.
void ChannelPool::give_back(std::unique_ptr<Channel> channel) noexcept {
  SILT_ASSERT(channel->idle());
  if (!channel->usable()) channel.reset();
  base::MutexLock lock(mutex_);
  if (channel != nullptr) {
    free_.push_back(std::move(channel));
  } else {
    --count_;
  }
}

ChannelPool::Lease::~Lease() {
  if (pool_ != nullptr && channel_ != nullptr) pool_->give_back(std::move(channel_));
}

}  // namespace siltstone::io
