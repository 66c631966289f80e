// Opening the log: recovers what is in it and starts the segment that this open writes to.
//
// Invariants:
// 1. A segment that was there before is never written to again. The new one is made as `N.new`,
//    filled, synced, renamed, and the directory synced: that is the commit point of recovery, and
//    before it nothing that counts has changed. A crash at any step only leaves an `N.new`.
// 2. Before open_log() returns, everything it handed to the sink is durable. Direct reads and one
//    sync of the last segment prove that it is; where reads are not direct they prove nothing, so
//    the frames of that segment are written again, into the new one, which replaces it. One without
//    records is replaced too, so that opening takes no room for ever. Records of the ring's file
//    that continue the log are written into the new segment as well.
// 3. Every open begins a new session of the ring, named by a durable frame or header: what the
//    ring's file holds of an earlier one is void from then on.
// 4. Ids of segments are never reused, and sequences only grow.
#pragma once

#include <memory>

#include <siltstone/error.h>
#include <siltstone/options.h>

#include "base/ids.h"
#include "io/environment.h"
#include "io/storage.h"
#include "wal/segment_writer.h"
#include "wal/tail.h"
#include "wal/wal_scanner.h"

namespace siltstone::wal {

struct LogOptions {
  Compression compression = Compression::none;
  RecoveryMode recovery = RecoveryMode::strict;
  /// Make a new store where there is no log. Otherwise that is an invalid_argument error.
  bool create = true;
};

struct OpenedLog {
  base::StoreId store;
  std::unique_ptr<SegmentWriter> writer;
  std::unique_ptr<io::Directory> wal;  ///< Where the slots are.
  LogState recovered;                  ///< What was there before; an empty chain in a new store.
};

/// Opens the log of the store in directory `dir`, which the caller holds the lock of, for writing;
/// hands every record that counts to `sink` first. After an error nothing that counts has changed.
/// With RecoveryMode::truncate, slots behind damage are renamed to `N.damaged`.
[[nodiscard]] Result<OpenedLog> open_log(const io::Environment& environment, io::Directory& dir,
                                         const LogOptions& options, LogSink& sink);

/// What the ring's file, as it was before the log was read, adds to the log that was found.
[[nodiscard]] Result<TailRecords> find_tail(const TailImage& image, const LogState& state);

/// Reads the log of the store in directory `dir`, also while a writer is at work on it. Writes
/// nothing. An empty chain when there is no log.
[[nodiscard]] Result<LogState> read_log(io::Storage& storage, io::Directory& dir, RecoveryMode mode,
                                        LogSink& sink);

}  // namespace siltstone::wal
