// How writes become durable and visible: group commit by a leader and its followers.
//
// 1. A writer stages its entries off-lock. Under the commit lock it takes its sequences, links its
//    entries into the memtable (not yet visible), and joins the pending group.
// 2. If no drain runs, it leads: it takes all that is pending as its group, lets go of the lock,
//    writes the group to the log with one device flush, and publishes it. What arrives meanwhile is
//    the next group, led by its first writer, so that groups grow with the load by themselves.
// 3. The leader hands over to the next leader first, then wakes its followers, each with its own
//    result. Nobody takes the lock to learn it, so there is no convoy; a leader leads once.
//
// Invariants:
// 1. Sequence order = order in the log = order of publication = order of durability.
// 2. A sequence becomes visible only when it and all before it are durable.
// 3. After a failed drain nothing is written, synced or published any more: every waiter of that
//    group and of those behind it fails, their sequences are burnt (their entries stay linked,
//    beyond the visible sequence for ever), and further writes are refused with the cause. Reads
//    go on.
// 4. Once a writer holds its sequences nothing can fail before its drain: memory is had before.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "base/ids.h"
#include "base/mutex.h"
#include "db/read_path.h"
#include "io/parker.h"
#include "memtable/memtable.h"
#include "wal/record.h"
#include "wal/segment_writer.h"

namespace siltstone::db {

/// Thread-safe, but for close().
class CommitPath {
 public:
  /// Borrows `reads` and `parker`, which outlive it.
  CommitPath(std::unique_ptr<wal::SegmentWriter> log, ReadPath& reads, io::Parker& parker);
  CommitPath(const CommitPath&) = delete;
  CommitPath& operator=(const CommitPath&) = delete;
  ~CommitPath();

  /// Commits one write: `entries` as the log stores them, and the same staged, at least one.
  /// Returns the sequence of its last operation when it is durable and visible. `entries` must not
  /// change during the call. Throws only std::bad_alloc, and then nothing has changed.
  [[nodiscard]] Result<base::Sequence> commit(std::string_view entries,
                                              memtable::Memtable::Staged&& staged)
      SILT_EXCLUDES(mutex_);

  /// Everything acknowledged is durable already; tells whether writes are still taken.
  [[nodiscard]] Result<void> flush() noexcept SILT_EXCLUDES(mutex_);

  /// Marks a clean end of the log, durably, or tells why writes are refused. The last call.
  [[nodiscard]] Result<void> close() SILT_EXCLUDES(mutex_);

 private:
  struct Waiter;
  struct Group;

  void enqueue(Waiter& waiter) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] Group take_pending() noexcept SILT_REQUIRES(mutex_);
  void lead(Waiter& self) noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] Result<void> drain(const Group& group) noexcept;
  void hand_over() noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] Group refuse(const Error& cause) noexcept SILT_EXCLUDES(mutex_);
  void finish(Waiter* waiter, const Error* error) noexcept;
  void wake(Waiter& waiter, std::uint32_t state) noexcept;

  ReadPath& reads_;
  io::Parker& parker_;

  // Belong to whoever leads.
  const std::unique_ptr<wal::SegmentWriter> log_;
  std::vector<wal::EncodedRecord> records_;  // of the group that is drained

  base::Mutex mutex_;                            // the commit lock
  base::Sequence last_ SILT_GUARDED_BY(mutex_);  // the last sequence given out
  bool draining_ SILT_GUARDED_BY(mutex_) = false;
  Waiter* first_pending_ SILT_GUARDED_BY(mutex_) = nullptr;
  Waiter* last_pending_ SILT_GUARDED_BY(mutex_) = nullptr;
  std::vector<wal::EncodedRecord> pending_records_ SILT_GUARDED_BY(mutex_);  // one for each waiter
  std::optional<Error> refusal_ SILT_GUARDED_BY(mutex_);  // why writes are refused, once they are
};

}  // namespace siltstone::db
