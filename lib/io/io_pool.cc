// IoPool: see io_pool.h.
#include "io/io_pool.h"

#include <algorithm>
#include <array>

#include "io/parker.h"
#include "io/posix_call.h"

namespace siltstone::io {

IoPool::IoPool() { threads_.reserve(kMaxThreads); }

IoPool::~IoPool() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    work_signal_.fetch_add(1);
  }
  system_parker().wake(work_signal_, kWakeAll);
  // Only clients add threads, and they are gone.
  for (auto& thread : threads_) thread->join();
}

// As many threads as requests wait, within the limit. One that cannot be had is done without.
void IoPool::grow() noexcept {
  static constexpr std::array kNames{"silt-io0", "silt-io1", "silt-io2", "silt-io3"};
  static_assert(kNames.size() == kMaxThreads);
  while (threads_.size() < std::min(waiting_, kMaxThreads)) {
    auto thread = Thread::start(kNames[threads_.size()], 0, &run, this);
    if (!thread) return;
    threads_.push_back(std::move(*thread));
  }
}

// Clients take turns, so that a large batch of one does not hold up the others.
IoPool::Client* IoPool::next_client() noexcept {
  if (waiting_ == 0) return nullptr;
  for (;;) {
    turn_ = (turn_ + 1) % clients_.size();
    Client* const client = clients_[turn_];
    if (client->first_ < client->waiting_.size()) return client;
  }
}

void IoPool::work() noexcept {
  base::MutexLock lock(mutex_);
  while (!stopping_) {
    Client* const client = next_client();
    if (client == nullptr) {
      const std::uint32_t seen = work_signal_.load();
      lock.unlock();
      system_parker().wait(work_signal_, seen, kNever);
      lock.lock();
      continue;
    }
    --waiting_;
    Request* const request = client->begin_one();
    lock.unlock();
    request->result = carry_out(*request);
    lock.lock();
    client->end_one(request);
  }
}

IoPool::Client::Client(IoPool& pool, std::size_t capacity) : pool_(pool) {
  waiting_.reserve(capacity);
  done_.reserve(capacity);
  base::MutexLock lock(pool_.mutex_);
  pool_.clients_.push_back(this);
}

IoPool::Client::~Client() {
  base::MutexLock lock(pool_.mutex_);
  pool_.waiting_ -= waiting_.size() - first_;
  first_ = waiting_.size();
  while (running_ != 0) {
    const std::uint32_t seen = done_signal_.load();
    lock.unlock();
    system_parker().wait(done_signal_, seen, kNever);
    lock.lock();
  }
  std::erase(pool_.clients_, this);
}

void IoPool::Client::post(std::span<Request* const> requests) noexcept {
  base::MutexLock lock(pool_.mutex_);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  waiting_.insert(waiting_.end(), requests.begin(), requests.end());
  pool_.waiting_ += requests.size();
  pool_.grow();
  pool_.work_signal_.fetch_add(1);
  const std::size_t wanted = std::min(requests.size(), pool_.threads_.size());
  lock.unlock();
  if (wanted != 0) system_parker().wake(pool_.work_signal_, static_cast<std::uint32_t>(wanted));
}

std::size_t IoPool::Client::collect(std::span<Request*> out, bool wait) noexcept {
  base::MutexLock lock(pool_.mutex_);
  while (done_.empty()) {
    const bool has_waiting = first_ < waiting_.size();
    if (has_waiting && (wait || pool_.threads_.empty())) {
      --pool_.waiting_;
      Request* const request = begin_one();
      lock.unlock();
      request->result = carry_out(*request);
      lock.lock();
      end_one(request);
    } else if (wait && running_ != 0) {
      const std::uint32_t seen = done_signal_.load();
      lock.unlock();
      system_parker().wait(done_signal_, seen, kNever);
      lock.lock();
    } else {
      break;
    }
  }
  const std::size_t count = std::min(out.size(), done_.size());
  const auto end = done_.begin() + static_cast<std::ptrdiff_t>(count);
  std::copy(done_.begin(), end, out.begin());
  done_.erase(done_.begin(), end);
  return count;
}

Request* IoPool::Client::begin_one() noexcept {
  ++running_;
  return waiting_[first_++];
}

// Wakes under the mutex: as soon as it is released, the owner may see the request done and go.
void IoPool::Client::end_one(Request* request) noexcept {
  --running_;
  done_.push_back(request);
  done_signal_.fetch_add(1);
  system_parker().wake(done_signal_, 1);
}

}  // namespace siltstone::io
