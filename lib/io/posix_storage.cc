// The posix storage: directories by path, and queues that share one pool of threads.
#include "io/posix_storage.h"

#include "base/mutex.h"
#include "io/immortal.h"
#include "io/io_pool.h"
#include "io/posix_directory.h"
#include "io/posix_queue.h"

namespace siltstone::io {
namespace {

class PosixStorage final : public Storage {
 public:
  Result<std::unique_ptr<Directory>> open_directory(std::string_view path) override {
    return PosixDirectory::open_path(path);
  }

  Result<void> make_directory(std::string_view path) override {
    return PosixDirectory::make_path(path);
  }

  Result<std::unique_ptr<Queue>> make_queue(std::size_t depth) override {
    return std::make_unique<PosixQueue>(pool(), depth);
  }

 private:
  // The queues own the pool, so that its threads end with the last of them.
  std::shared_ptr<IoPool> pool() {
    base::MutexLock lock(mutex_);
    auto pool = pool_.lock();
    if (pool == nullptr) pool_ = pool = std::make_shared<IoPool>();
    return pool;
  }

  base::Mutex mutex_;
  std::weak_ptr<IoPool> pool_ SILT_GUARDED_BY(mutex_);
};

}  // namespace

Storage& posix_storage() noexcept {
  static Immortal<PosixStorage> storage;
  return storage.value;
}

}  // namespace siltstone::io
