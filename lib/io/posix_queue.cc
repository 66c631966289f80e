// PosixQueue: see posix_queue.h.
#include "io/posix_queue.h"

#include <algorithm>
#include <cerrno>

#include "io/posix_call.h"

namespace siltstone::io {

PosixQueue::PosixQueue(std::shared_ptr<IoPool> pool, std::size_t depth)
    : capacity_(std::max<std::size_t>(depth, 1)),
      pool_(std::move(pool)),
      parallel_(*pool_, capacity_) {
  done_.reserve(capacity_);
  posted_.reserve(capacity_);
}

std::int64_t PosixQueue::submit(std::span<Request* const> batch) {
  batch = batch.first(std::min(batch.size(), capacity_ - under_way_));
  under_way_ += batch.size();
  const auto reads = std::ranges::count(batch, Opcode::read, &Request::opcode);
  posted_.clear();
  for (Request* request : batch) {
    const bool parallel = reads > 1 && request->opcode == Opcode::read;
    if (!parallel) continue;
    // A read past the page cache is no faster for asking first.
    request->result = request->file->direct() ? -EAGAIN : read_cached(*request);
    (request->result == -EAGAIN ? posted_ : done_).push_back(request);
  }
  if (!posted_.empty()) parallel_.post(posted_);
  for (Request* request : batch) {
    if (reads > 1 && request->opcode == Opcode::read) continue;
    request->result = carry_out(*request);
    done_.push_back(request);
  }
  return static_cast<std::int64_t>(batch.size());
}

std::int64_t PosixQueue::reap(std::span<Request*> done, std::size_t wait_for) {
  const std::size_t wanted = std::min({wait_for, done.size(), under_way_});
  std::size_t count = std::min(done.size(), done_.size());
  const auto end = done_.begin() + static_cast<std::ptrdiff_t>(count);
  std::copy(done_.begin(), end, done.begin());
  done_.erase(done_.begin(), end);
  do {
    count += parallel_.collect(done.subspan(count), count < wanted);
  } while (count < wanted);
  under_way_ -= count;
  return static_cast<std::int64_t>(count);
}

}  // namespace siltstone::io
