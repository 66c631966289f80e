// Opening a store: from a path to the parts of an Engine.
//
// 1. Look at the directory without touching it: a store, room for one, or something foreign.
// 2. Prove the rings that I/O may go through.
// 3. Take the lock of the one writer (not when read-only).
// 4. Read the log into memory, and start the segment that this open writes to; see wal/log.h, which
//    is also where a new store comes into being.
// An error at any step leaves what was there as it was. What a failed or killed creation left
// behind is recognised by 1 and completed by the next open.
#pragma once

#include <memory>

#include <siltstone/error.h>

#include "db/commit_path.h"
#include "db/read_path.h"
#include "db/settings.h"
#include "db/store_lock.h"
#include "io/environment.h"
#include "io/uring_storage.h"
#include "wal/wal_scanner.h"

namespace siltstone::db {

/// What an open store consists of. Destroyed from the last to the first.
struct Parts {
  std::unique_ptr<io::UringStorage> rings;  ///< Null with plain calls alone.
  std::unique_ptr<StoreLock> lock;          ///< Null when read-only.
  std::shared_ptr<ReadPath> reads;
  std::unique_ptr<CommitPath> commits;  ///< Null when read-only.
  wal::LogState recovered;              ///< What was in the log.
};

/// Opens the store, or makes it where the settings allow. Throws only std::bad_alloc.
[[nodiscard]] Result<Parts> open(const Settings& settings, const io::Environment& environment);

}  // namespace siltstone::db
