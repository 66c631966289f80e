// A queue without a ring. What stands alone in its batch is carried out on the spot, with no thread
// in between; several reads of one batch go out together, through the pool, unless the page cache
// has them.
#pragma once

#include <memory>
#include <vector>

#include "io/io_pool.h"
#include "io/storage.h"

namespace siltstone::io {

/// Files are PosixFiles.
class PosixQueue final : public Queue {
 public:
  PosixQueue(std::shared_ptr<IoPool> pool, std::size_t depth);

  std::size_t capacity() const noexcept override { return capacity_; }
  std::int64_t submit(std::span<Request* const> batch) override;
  std::int64_t reap(std::span<Request*> done, std::size_t wait_for) override;

 private:
  const std::size_t capacity_;
  std::shared_ptr<IoPool> pool_;
  IoPool::Client parallel_;
  std::size_t under_way_ = 0;     // all that were submitted and not reaped
  std::vector<Request*> done_;    // those carried out on the spot
  std::vector<Request*> posted_;  // for one call of submit()
};

}  // namespace siltstone::io
