// How writes get their order, become durable and become visible: the log ring between them and the
// device, group commit by leaders and followers, and the thread silt-log for what nobody waits for.
//
// 1. A writer stages its entries off-lock. Under the commit lock it is admitted (admission.h),
//    appends its record to the ring, takes its sequences and links its entries, not visible yet.
// 2. Two kinds of work take from the ring, each done by one thread at a time for all who wait:
//      drain   writes everything in the ring to the log's segment with one device flush;
//      tail    (mode interval, where the ring is no mapped file) gives everything new to the
//              operating system.
//    Whoever needs the work and finds nobody at it leads. What arrives meanwhile is the next group,
//    so groups grow with the load by themselves.
// 3. A leader hands over to the next one first, then wakes its followers, each with its own result.
//    Nobody takes the lock to learn it, so there is no convoy; a leader leads once.
// 4. silt-log drains when nobody waits who may: for tickets, for deadlines, when the ring fills, at
//    the interval. It also writes what the drains will need: zeros behind the segment's end, and,
//    when half of it is full, the slot of the next one. A drain that finds the segment full goes on
//    in the next one if it is ready, else beyond the end. When the log was idle for a second it
//    drains one empty frame, which proves that the last one was durable.
//
// A write is acknowledged when the mode says so: durable and then visible (every_commit), with the
// operating system and then visible (interval), visible at once (write_back). In a mapped ring it
// is with the operating system when it is appended. When the file system does not back the mapping
// any more, writers wait as for a full ring; once all is drained it goes on in memory of its own.
//
// Invariants:
// 1. Sequence order = order in the ring and in the log = order of publication = of durability.
// 2. In every_commit a sequence becomes visible only when it and all before it are durable; in
//    every mode only when nothing that the mode demands first can fail any more. durable() never
//    tells of a sequence that is not visible.
// 3. After a failed drain nothing is drained or acknowledged any more: everybody who waits fails,
//    sequences that are not visible are burnt (their entries stay linked, beyond the visible
//    sequence for ever), and writes are refused with the cause. Reads go on.
// 4. Once a writer has its sequences nothing of its own can fail: room and memory were had before.
// 5. The ring lets go of a record when a good drain covers it and nobody writes from it any more.
//
// No clock is read on the way of a write, but around a drain, while the device is at work for
// silt-log or a drain (interval) and where it really waits.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include <siltstone/db.h>
#include <siltstone/error.h>
#include <siltstone/options.h>
#include <siltstone/stats.h>

#include "base/histogram.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "db/admission.h"
#include "db/deadline.h"
#include "db/read_path.h"
#include "db/waiter.h"
#include "io/environment.h"
#include "memtable/memtable.h"
#include "wal/record.h"
#include "wal/ring.h"
#include "wal/segment_ahead.h"
#include "wal/segment_writer.h"
#include "wal/tail.h"

namespace siltstone::db {

/// What the log is written with.
struct LogFiles {
  std::unique_ptr<wal::SegmentWriter> log;
  std::unique_ptr<wal::SegmentAhead> ahead;
  std::uint64_t segment_bytes = 0;  ///< At which the segment in use is full.
  /// Zeros are written behind its end. They gain little where writes are buffered, and where drains
  /// are few and large, and must not wait for silt-log to end a step.
  bool writes_zeros = false;
  std::unique_ptr<wal::TailWriter> tail;      ///< Null but in mode interval.
  std::unique_ptr<io::Mapping> mapping = {};  ///< Of the tail's file; null where it is not mapped.
  std::optional<Error> why_not_mapped = {};
};

struct CommitOptions {
  Durability durability = Durability::every_commit;
  io::Duration sync_interval{0};  ///< Mode interval.
  std::size_t ring_bytes = std::size_t{8} << 20;
  std::uint64_t max_operations = UINT64_MAX;  ///< That may not be durable yet; mode write_back.
};

/// Thread-safe, but for close().
class CommitPath {
 public:
  /// Borrows `reads` and what `environment` refers to, which
  /// outlive it. Errors: when ring or thread cannot be had. Throws only std::bad_alloc.
  [[nodiscard]] static Result<std::unique_ptr<CommitPath>> start(LogFiles files, ReadPath& reads,
                                                                 const io::Environment& environment,
                                                                 const CommitOptions& options);
  CommitPath(const CommitPath&) = delete;
  CommitPath& operator=(const CommitPath&) = delete;
  ~CommitPath();

  /// What every write gets, if none is taken any more: to be told before memory is taken for one.
  [[nodiscard]] Result<void> check() const noexcept SILT_EXCLUDES(mutex_);
  /// Commits one write: `entries` as the log stores them, and the same staged, at least one.
  /// `entries` must not change during the call. Returns as Db::put() says.
  [[nodiscard]] Result<Commit> commit(std::string_view entries, memtable::Memtable::Staged&& staged,
                                      const WriteOptions& options) noexcept SILT_EXCLUDES(mutex_);

  /// As Db::wait_durable().
  [[nodiscard]] Result<void> wait_durable(base::Sequence sequence,
                                          std::optional<io::Duration> deadline) noexcept
      SILT_EXCLUDES(mutex_);
  /// Everything up to it is on stable storage.
  [[nodiscard]] base::Sequence durable() const noexcept {
    return base::Sequence(durable_.load(std::memory_order_acquire));
  }
  /// Waits until everything committed before is durable, or tells why it cannot be.
  [[nodiscard]] Result<void> flush() noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] LogStats stats() const noexcept SILT_EXCLUDES(mutex_);

  /// Flushes, ends silt-log and marks a clean end of the log. The last call.
  [[nodiscard]] Result<void> close() noexcept;

 private:
  /// What a leader does, fixed under the lock when it begins.
  struct Group {
    wal::RecordRange records;
    base::RingPosition begin;
    base::RingPosition end;
    base::Sequence last;
    bool is_mark = false;      // an empty frame
    bool is_large = false;     // one record that never enters the ring
    bool rolls = false;        // begins with going on in the next segment
    bool meets_zeros = false;  // goes where zeros are being written, or leaves that segment
  };
  /// One kind of work, and who waits for it.
  struct Turn {
    bool busy = false;         // somebody leads, or was told to
    base::RingPosition begin;  // of the group under way
    base::Sequence last;       // and its last sequence
    WaiterList current;        // those it serves
    WaiterList next;
  };
  enum class Work : std::uint8_t { drain, tail };
  /// What is to be done once the lock is released.
  struct Errands {
    Waiter* leader = nullptr;
    WaiterList done{WaiterList::Kind::settled};
    WaiterList failed{WaiterList::Kind::settled};
    std::optional<Error> error;  // theirs
    bool wake_log = false;
  };
  /// Once the log has failed.
  struct Failure {
    Error refusal;    // what writes get from then on
    Error undecided;  // what those get that were not durable
  };
  class LogTask final : public io::Task {
   public:
    explicit LogTask(CommitPath& path) noexcept : path_(path) {}
    [[nodiscard]] io::Time step() noexcept override { return path_.log_step(); }

   private:
    CommitPath& path_;
  };

  CommitPath(LogFiles files, ReadPath& reads, const io::Environment& environment,
             const CommitOptions& options, wal::Ring ring);

  // The way of a writer.
  [[nodiscard]] Result<void> refusal() const noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] Result<void> admit(Waiter& write, Deadline& deadline, Commit& commit) noexcept
      SILT_REQUIRES(mutex_);
  [[nodiscard]] StallCause try_admit(Waiter& write) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool prepare(Waiter& write) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool is_safe_in_ring() const noexcept SILT_REQUIRES(mutex_) {
    return options_.durability == Durability::write_back || ring_.is_mapped();
  }
  [[nodiscard]] Result<void> wait_for_room(Waiter& write, Deadline& deadline) noexcept
      SILT_REQUIRES(mutex_);
  void take_sequences(Waiter& write, memtable::Memtable::Staged&& staged) noexcept
      SILT_REQUIRES(mutex_);
  [[nodiscard]] Group begin_large(Waiter& write, const wal::EncodedRecord& record,
                                  memtable::Memtable::Staged&& staged) noexcept
      SILT_REQUIRES(mutex_);
  [[nodiscard]] Result<void> await_durable(base::Sequence target, Deadline& deadline) noexcept
      SILT_EXCLUDES(mutex_);
  [[nodiscard]] std::optional<Group> join(Work work, Waiter& self) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] Result<void> see_through(Work work, Waiter& self, std::optional<Group> group,
                                         Deadline& deadline) noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] bool sleep(Waiter& self, Deadline& deadline) noexcept SILT_EXCLUDES(mutex_);

  // Work: commit_work.cc.
  [[nodiscard]] Turn& turn_of(Work work) noexcept SILT_REQUIRES(mutex_) {
    return work == Work::drain ? drain_ : tail_;
  }
  void reach_for(Group& group) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] Group begin(Work work) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] Result<void> run(Work work, const Group& group) noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] Result<void> run_drain(const Group& group) noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] Result<void> run_tail(const Group& group) noexcept SILT_EXCLUDES(mutex_);
  void end_drain(const Group& group, io::Time ended, std::uint64_t segment_end,
                 Errands& errands) noexcept SILT_REQUIRES(mutex_);
  void hand_over(Work work, Errands& errands) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] Error refuse(const Error& cause, Errands& errands) noexcept SILT_REQUIRES(mutex_);
  void fail(WaiterList& waiters, Errands& errands) noexcept SILT_REQUIRES(mutex_);
  void release_ring(Errands& errands) noexcept SILT_REQUIRES(mutex_);
  void leave_mapping_if_empty() noexcept SILT_REQUIRES(mutex_);
  void publish(base::Sequence last) noexcept SILT_REQUIRES(mutex_);
  void settle(Errands& errands) noexcept SILT_EXCLUDES(mutex_);
  void wake(Waiter& waiter, std::uint32_t state) noexcept;
  [[nodiscard]] LogLoad load() const noexcept SILT_REQUIRES(mutex_);

  // silt-log: commit_work.cc.
  [[nodiscard]] io::Time log_step() noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] std::optional<Group> log_work(io::Time now) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] io::Time next_log_step(io::Time now) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool is_drained() const noexcept SILT_REQUIRES(mutex_) {
    return ring_.head().position == drained_;
  }
  [[nodiscard]] bool wants_drain() const noexcept SILT_REQUIRES(mutex_);
  void ask_log(Errands& errands) noexcept SILT_REQUIRES(mutex_);
  void arm_interval(Errands& errands) noexcept SILT_REQUIRES(mutex_);
  void expire_prepared(io::Time now) noexcept SILT_REQUIRES(mutex_);
  [[nodiscard]] bool is_full() const noexcept SILT_REQUIRES(mutex_) {
    return segment_end_ >= segment_bytes_;
  }
  [[nodiscard]] bool wants_segment() const noexcept SILT_REQUIRES(mutex_);
  void prepare_segment() noexcept SILT_EXCLUDES(mutex_);
  [[nodiscard]] bool wants_zeros() const noexcept SILT_REQUIRES(mutex_);
  void write_zeros() noexcept SILT_EXCLUDES(mutex_);

  ReadPath& reads_;
  io::Parker& parker_;
  io::Clock& clock_;
  const CommitOptions options_;
  const std::size_t drain_at_bytes_;   // silt-log drains when as much is in the ring
  const std::size_t max_ring_record_;  // a larger one goes straight to the segment

  const std::unique_ptr<wal::SegmentWriter> log_;    // belongs to whoever leads a drain
  const std::unique_ptr<wal::TailWriter> tail_log_;  // and this one to the leader of the tail
  const std::unique_ptr<wal::SegmentAhead> ahead_;   // and this one to silt-log

  mutable base::Mutex mutex_;                    // the commit lock
  base::Sequence last_ SILT_GUARDED_BY(mutex_);  // the last sequence given out
  wal::Ring ring_ SILT_GUARDED_BY(mutex_);
  bool leaves_mapping_ SILT_GUARDED_BY(mutex_) = false;  // as soon as the ring is empty
  Admission admission_ SILT_GUARDED_BY(mutex_);
  Turn drain_ SILT_GUARDED_BY(mutex_);
  Turn tail_ SILT_GUARDED_BY(mutex_);
  base::RingPosition drained_ SILT_GUARDED_BY(mutex_);   // durable up to here
  base::RingPosition tail_end_ SILT_GUARDED_BY(mutex_);  // with the operating system up to here
  base::Sequence asked_ SILT_GUARDED_BY(mutex_);         // to be drained, with nobody waiting
  io::Time drain_begun_ SILT_GUARDED_BY(mutex_){};       // mode interval
  std::optional<Failure> failure_ SILT_GUARDED_BY(mutex_);
  LogStats stats_ SILT_GUARDED_BY(mutex_);
  base::Histogram drain_ns_ SILT_GUARDED_BY(mutex_);

  // The timers of silt-log: armed by whoever makes the first thing to watch over, set by silt-log,
  // so that writers need not read the clock.
  bool sync_armed_ SILT_GUARDED_BY(mutex_) = false;
  bool expiry_armed_ SILT_GUARDED_BY(mutex_) = false;  // of what was prepared in a mapped ring
  bool mark_armed_ SILT_GUARDED_BY(mutex_) = false;
  io::Time sync_due_ SILT_GUARDED_BY(mutex_) = io::kNever;
  io::Time expiry_due_ SILT_GUARDED_BY(mutex_) = io::kNever;
  io::Time mark_due_ SILT_GUARDED_BY(mutex_) = io::kNever;
  base::Sequence mark_seen_ SILT_GUARDED_BY(mutex_);

  // The next segment: silt-log's until has_next_, then of the drain that rolls.
  std::optional<wal::NextSegment> next_;
  io::Time making_since_ SILT_GUARDED_BY(mutex_) = io::kNever;  // it, which keeps silt-log busy
  bool has_next_ SILT_GUARDED_BY(mutex_) = false;
  bool rolling_ SILT_GUARDED_BY(mutex_) = false;   // a drain is under way that began in it
  bool no_slots_ SILT_GUARDED_BY(mutex_) = false;  // there will not be one
  std::atomic<bool> refuses_{false};  // so a write was refused, for that or since the log failed
  std::uint64_t segment_bytes_ SILT_GUARDED_BY(mutex_);  // at which the one in use is full
  std::uint64_t prepare_at_ SILT_GUARDED_BY(mutex_);     // its end from which the next is made

  // Zeros ahead of the segment's end. A drain that goes beyond them waits while some are written.
  std::uint64_t segment_end_ SILT_GUARDED_BY(mutex_);    // as of the last good drain
  std::uint64_t drain_reach_ SILT_GUARDED_BY(mutex_){};  // of the drain under way, at most
  std::uint64_t zeros_end_ SILT_GUARDED_BY(mutex_);
  const bool writes_zeros_;
  std::atomic<std::uint32_t> writing_zeros_{0};  // changed under the lock

  std::atomic<std::uint64_t> durable_;
  LogTask log_task_{*this};
  std::unique_ptr<io::Worker> worker_;  // silt-log
};

}  // namespace siltstone::db
