// What a Snapshot points to: a view, and what it looks at.
#pragma once

#include <memory>

#include "db/read_path.h"

namespace siltstone::db {

/// Immutable: shared by the copies of a Snapshot.
struct SnapshotState {
  std::shared_ptr<const ReadPath> reads;
  View view;
};

}  // namespace siltstone::db
