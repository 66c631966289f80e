// Channels that calls borrow: a batch of reads on the caller's own thread needs a channel for the
// length of the call, and making a ring for each call would cost more than the reads.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <siltstone/error.h>

#include "base/mutex.h"
#include "io/complete.h"
#include "io/storage.h"

namespace siltstone::io {

/// Thread-safe; outlives its leases.
class ChannelPool {
 public:
  /// One channel, for one thread, until it goes. Transfers on it go before.
  class Lease {
   public:
    Lease(ChannelPool* pool, std::unique_ptr<Channel> channel) noexcept
        : pool_(pool), channel_(std::move(channel)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    Channel& operator*() const noexcept { return *channel_; }
    Channel* operator->() const noexcept { return channel_.get(); }

   private:
    ChannelPool* pool_;  // null for a channel that is not the pool's
    std::unique_ptr<Channel> channel_;
  };

  /// Keeps up to `most` channels of this depth on `storage`. A call that finds all of them lent
  /// gets one on `overflow`, made for it alone. Both storages outlive the pool.
  ChannelPool(Storage& storage, Storage& overflow, std::size_t most, std::size_t depth);

  [[nodiscard]] Result<Lease> borrow();

 private:
  void give_back(std::unique_ptr<Channel> channel) noexcept;

  Storage& storage_;
  Storage& overflow_;
  const std::size_t most_;
  const std::size_t depth_;
  base::Mutex mutex_;
  std::vector<std::unique_ptr<Channel>> free_ SILT_GUARDED_BY(mutex_);
  std::size_t count_ SILT_GUARDED_BY(mutex_) = 0;  // free or lent
};

}  // namespace siltstone::io
