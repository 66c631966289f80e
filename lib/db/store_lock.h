// The lock of the one writer: an open-file-description lock on DIR/LOCK, and a list of the stores
// that this process has open.
//
// Both go by the identity of the LOCK file, so that no other path to the directory (a link on the
// way, a bind mount) leads to a second writer. The list tells "this process" from "another one",
// and holds where the file system only pretends to lock.
//
// A child of a fork owns no store: it closes its copies of the LOCK files, which would keep the
// stores locked after their owner has gone.
//
// The kernel lets go of the lock when the process dies, however it does. The file stays: were it
// removed, somebody who had just opened it would lock a file that nobody else can see.
#pragma once

#include <memory>

#include <siltstone/error.h>

#include "base/thread_annotations.h"
#include "io/storage.h"

namespace siltstone::db {

/// Held as long as it lives.
class StoreLock {
 public:
  /// Locks the store in `dir`, making the LOCK file if it is missing; does not wait. `busy` when
  /// somebody has it. `storage` only tells simulated disks apart, and is not kept beyond the lock.
  [[nodiscard]] static Result<std::unique_ptr<StoreLock>> take(const io::Storage& storage,
                                                               io::Directory& dir);
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;
  ~StoreLock();

 private:
  StoreLock(const io::Storage& storage, std::unique_ptr<io::File> file, io::FileId id) noexcept;
  [[nodiscard]] bool enlist() noexcept;
  static void abandon_all() noexcept SILT_NO_THREAD_SAFETY_ANALYSIS;

  const io::Storage& storage_;
  std::unique_ptr<io::File> file_;  // null in a child of a fork
  const io::FileId id_;
  bool enlisted_ = false;
  StoreLock* next_ = nullptr;  // in the process's list
};

/// Name of the lock file in the directory of a store.
inline constexpr const char* kLockName = "LOCK";

}  // namespace siltstone::db
