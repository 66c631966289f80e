// A few threads that carry out reads at the same time, for queues without a ring. Shared by all
// queues of the posix storage; there are no threads before the first parallel reads, and none after
// the last queue.
//
// Invariants:
// 1. A request posted by a client is in exactly one place: waiting, running, or done.
// 2. No call allocates: lists have room for all the requests a client may have under way.
// 3. Whoever waits was woken by a change of a word made under the mutex after the change of state,
//    and reads that word under the mutex before it sleeps; so no wake-up is lost.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "io/storage.h"
#include "io/thread.h"

namespace siltstone::io {

/// Thread-safe; outlives its clients.
class IoPool {
 public:
  /// Enough to keep a device busy with a batch of reads; more would fight over the cores.
  static constexpr std::size_t kMaxThreads = 4;

  class Client;

  IoPool();
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;
  ~IoPool();

 private:
  static void run(void* self) noexcept { static_cast<IoPool*>(self)->work(); }
  void work() noexcept;
  void grow() noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] Client* next_client() noexcept SILT_REQUIRES(mutex_);

  base::Mutex mutex_;
  std::vector<Client*> clients_ SILT_GUARDED_BY(mutex_);
  std::size_t turn_ SILT_GUARDED_BY(mutex_) = 0;     // whose requests come next
  std::size_t waiting_ SILT_GUARDED_BY(mutex_) = 0;  // requests of all clients
  std::vector<std::unique_ptr<Thread>> threads_ SILT_GUARDED_BY(mutex_);
  bool stopping_ SILT_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint32_t> work_signal_{0};  // changes when there is work, and at the end
};

/// The requests of one queue. Thread-bound, like the queue.
class IoPool::Client {
 public:
  /// At most `capacity` requests are under way at once.
  Client(IoPool& pool, std::size_t capacity);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// Drops what has not begun and waits for what has.
  ~Client();

  void post(std::span<Request* const> requests) noexcept;
  /// Takes what is done, with its result, at most as many as fit. With `wait`, at least one if any
  /// is under way: the caller carries out its own requests and then sleeps. Where the system
  /// refused all threads it carries out one even without `wait`, so that polling gets on.
  [[nodiscard]] std::size_t collect(std::span<Request*> out, bool wait) noexcept;

 private:
  friend class IoPool;

  // All of it is guarded by the pool's mutex.
  [[nodiscard]] Request* begin_one() noexcept;
  void end_one(Request* request) noexcept;

  IoPool& pool_;
  std::vector<Request*> waiting_;  // from first_ on, in the order posted
  std::size_t first_ = 0;
  std::size_t running_ = 0;
  std::vector<Request*> done_;
  std::atomic<std::uint32_t> done_signal_{0};  // changes when done_ grows
};

}  // namespace siltstone::io
