// What a generation of the store says: which tables there are, where their bytes lie, and from
// where the log is replayed on top of them.
//
// Invariants:
// 1. Levels, and the runs of a level, are ordered from the newest data to the oldest: of two runs
//    that hold a key, the first has the newer versions.
// 2. The tables of a run are in ascending order of their keys, and no two hold the same key. As
//    their bounds are cut, those of neighbours may still meet.
// 3. Table ids and sequences are never given out twice: next_table and next_sequence are beyond all
//    that were used, in tables and in the log before `replay`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "page/extent.h"
#include "table/properties.h"
#include "tree/bounds.h"
#include "wal/wal_format.h"

namespace siltstone::tree {

/// Levels there may be, and runs in one: far more than compaction lets come.
inline constexpr std::size_t kMaxLevels = 16;
inline constexpr std::size_t kMaxRuns = 256;

/// What one needs to know of a table before it is opened, and to decide what to merge.
struct TableRecord {
  base::TableId id;
  std::vector<page::Extent> extents;  ///< In the order of the table's bytes.
  std::uint64_t bytes = 0;            ///< From the first extent's start to the end of the footer.
  Bounds bounds;
  base::Sequence oldest;  ///< Of its versions;
  base::Sequence newest;  ///< both 0 once no snapshot could tell.
  /// Of what expires: milliseconds of wall clock since 1970; both 0 when nothing does.
  std::int64_t first_expiry = 0;
  std::int64_t last_expiry = 0;
  table::TableCounts counts;

  friend bool operator==(const TableRecord&, const TableRecord&) = default;
};

using RunRecord = std::vector<TableRecord>;
using LevelRecord = std::vector<RunRecord>;

/// Where recovery goes on in the log: everything before it is in tables.
struct ReplayPlace {
  wal::LogPlace log;
  wal::RingPlace ring;

  friend bool operator==(const ReplayPlace&, const ReplayPlace&) = default;
};

struct Catalog {
  ReplayPlace replay;
  base::Sequence next_sequence{1};
  base::TableId next_table{1};
  std::vector<LevelRecord> levels;

  friend bool operator==(const Catalog&, const Catalog&) = default;
};

}  // namespace siltstone::tree
