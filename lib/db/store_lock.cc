// The list runs through the locks themselves, so that it needs no memory and no destructor at exit.
#include "db/store_lock.h"

#include <pthread.h>

#include <utility>

#include "base/error.h"
#include "base/mutex.h"
#include "base/try.h"

namespace siltstone::db {
namespace {

constinit base::Mutex list_mutex;
constinit StoreLock* list_head SILT_GUARDED_BY(list_mutex) = nullptr;

// Before a fork, and after it in the parent.
void lock_list() noexcept SILT_ACQUIRE(list_mutex);
void lock_list() noexcept { list_mutex.lock(); }
void unlock_list() noexcept SILT_RELEASE(list_mutex);
void unlock_list() noexcept { list_mutex.unlock(); }

}  // namespace

// Runs in the child, right after the fork, which was made with the list locked.
void StoreLock::abandon_all() noexcept {
  for (StoreLock* held = list_head; held != nullptr; held = held->next_) held->file_.reset();
  list_head = nullptr;
  list_mutex.unlock();
}

StoreLock::StoreLock(const io::Storage& storage, std::unique_ptr<io::File> file,
                     io::FileId id) noexcept
    : storage_(storage), file_(std::move(file)), id_(id) {}

Result<std::unique_ptr<StoreLock>> StoreLock::take(const io::Storage& storage, io::Directory& dir) {
  [[maybe_unused]] static const int registered =
      pthread_atfork(lock_list, unlock_list, abandon_all);
  auto file = SILT_TRY(dir.open(kLockName, {.access = io::Access::read_write, .create = true}));
  const io::FileId id = SILT_TRY(file->info()).id;
  std::unique_ptr<StoreLock> lock(new StoreLock(storage, std::move(file), id));
  if (!lock->enlist()) {
    return base::fail(ErrorCode::busy, "this process has the store open already").path(dir.path());
  }
  if (!SILT_TRY(lock->file_->try_lock(io::LockKind::exclusive, 0, 0))) {
    return base::fail(ErrorCode::busy, "another process has the store open").path(dir.path());
  }
  return lock;
}

StoreLock::~StoreLock() {
  if (!enlisted_) return;
  // Closing would do, were there no child of a fork that has not closed its copy yet.
  static_cast<void>(file_->unlock(0, 0));
  const base::MutexLock guard(list_mutex);
  StoreLock** link = &list_head;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
}

bool StoreLock::enlist() noexcept {
  const base::MutexLock guard(list_mutex);
  for (const StoreLock* held = list_head; held != nullptr; held = held->next_) {
    if (&held->storage_ == &storage_ && held->id_ == id_) return false;
  }
  next_ = std::exchange(list_head, this);
  enlisted_ = true;
  return true;
}

}  // namespace siltstone::db
