// The writers' side: admission, append, and waiting for what the mode demands.
#include "db/commit_path.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"
#include "base/yield.h"

namespace siltstone::db {
namespace {

// Above the process's: a silt-log that competes with the writers it works for makes them wait.
constexpr int kLogNice = 10;

/// When silt-log drains by itself: see design of the modes in docs/durability.md.
std::size_t drain_threshold(const CommitOptions& options, std::size_t ring_bytes) noexcept {
  switch (options.durability) {
    case Durability::every_commit: return 1;
    case Durability::interval: return ring_bytes / 4;
    case Durability::write_back: break;
  }
  // The other half takes writes meanwhile.
  return ring_bytes / 2;
}

}  // namespace

Result<std::unique_ptr<CommitPath>> CommitPath::start(LogFiles files, ReadPath& reads,
                                                      const io::Environment& environment,
                                                      const CommitOptions& options) {
  auto ring =
      SILT_TRY(wal::Ring::make(options.ring_bytes, files.log->ring(), std::move(files.mapping)));
  std::unique_ptr<CommitPath> path(
      new CommitPath(std::move(files), reads, environment, options, std::move(ring)));
  path->worker_ = SILT_TRY(environment.executor->start("silt-log", kLogNice, path->log_task_));
  return path;
}

CommitPath::CommitPath(LogFiles files, ReadPath& reads, const io::Environment& environment,
                       const CommitOptions& options, wal::Ring ring)
    : reads_(reads),
      parker_(*environment.parker),
      clock_(*environment.clock),
      options_(options),
      drain_at_bytes_(drain_threshold(options, ring.capacity())),
      max_ring_record_(std::min(ring.capacity() / 4, wal::kMaxRawBytes)),
      log_(std::move(files.log)),
      tail_log_(std::move(files.tail)),
      ahead_(std::move(files.ahead)),
      last_(reads.visible()),
      ring_(std::move(ring)),
      admission_(ring_.capacity(), options.durability == Durability::write_back
                                       ? options.max_operations
                                       : UINT64_MAX),
      drained_(log_->ring().position),
      tail_end_(drained_),
      segment_bytes_(files.segment_bytes),
      prepare_at_(segment_bytes_ / 2),
      segment_end_(log_->end().offset),
      zeros_end_(segment_end_),
      writes_zeros_(files.writes_zeros),
      durable_(last_.value()) {
  SILT_ASSERT(log_->next() == last_ + 1);
  SILT_ASSERT((tail_log_ != nullptr) == (options.durability == Durability::interval));
  stats_.why_not_mapped = std::move(files.why_not_mapped);
}

CommitPath::~CommitPath() = default;

Result<Commit> CommitPath::commit(std::string_view entries, memtable::Memtable::Staged&& staged,
                                  const WriteOptions& options) noexcept {
  SILT_ASSERT(staged.count() != 0);
  const Durability mode = options_.durability;
  const bool waits = options.wait && (options.durable || mode == Durability::every_commit);
  Work work = Work::drain;
  Deadline deadline(clock_, options.deadline);
  Waiter self;
  self.has_deadline = deadline.exists();
  self.bytes = wal::kRecordHeaderBytes + entries.size();
  self.operations = staged.count();
  Commit commit;
  Errands errands;
  wal::EncodedRecord record;
  std::optional<Group> group;
  {
    const base::MutexLock lock(mutex_);
    self.is_large = self.bytes > max_ring_record_;
    SILT_TRY(admit(self, deadline, commit));
    const auto count = static_cast<std::uint32_t>(self.operations);
    record = wal::encode_record(ring_.head(), last_ + 1, count, entries);
    if (self.is_large) {
      group = begin_large(self, record, std::move(staged));
    } else {
      ring_.append(record);
      admission_.settle(self);
      take_sequences(self, std::move(staged));
      if (options.durable) asked_ = last_;
      if (is_safe_in_ring()) {
        publish(last_);
      } else if (mode == Durability::interval) {
        work = Work::tail;
      }
      if (ring_.is_mapped()) arm_interval(errands);
      if (waits || work == Work::tail) group = join(work, self);
      ask_log(errands);
    }
    commit.seq = self.target.value();
  }
  settle(errands);
  base::yield_point("commit: appended");
  if (self.is_large) {
    SILT_TRY(run_drain(*group));
  } else if (work == Work::tail) {
    SILT_TRY(see_through(work, self, group, deadline));
    if (waits) SILT_TRY(await_durable(self.target, deadline));
  } else if (waits) {
    SILT_TRY(see_through(work, self, group, deadline));
  }
  return commit;
}

Result<void> CommitPath::check() const noexcept {
  if (!refuses_.load(std::memory_order_relaxed)) return {};
  const base::MutexLock lock(mutex_);
  return refusal();
}

// Neither passes.
Result<void> CommitPath::refusal() const noexcept {
  if (failure_) return std::unexpected(failure_->refusal);
  if (!no_slots_ || !is_full()) return {};
  return base::fail(ErrorCode::no_space,
                    "the log has all the segments that it may have, and they are full: in this "
                    "version nothing leaves it");
}

// Returns with room for the write; may let go of the lock meanwhile.
Result<void> CommitPath::admit(Waiter& write, Deadline& deadline, Commit& commit) noexcept {
  if (auto refused = refusal(); !refused) {
    refuses_.store(true, std::memory_order_relaxed);
    return refused;
  }
  commit.cause = try_admit(write);
  if (commit.cause != StallCause::none) {
    const io::Time began = clock_.now();
    Result<void> admitted;
    do {
      admitted = wait_for_room(write, deadline);
    } while (admitted && !prepare(write) && try_admit(write) != StallCause::none);
    commit.waited = clock_.now() - began;
    ++stats_.stalls;
    stats_.stalled += commit.waited;
    if (!admitted) return admitted;
  }
  if (write.operations > base::kMaxSequence - last_) {
    admission_.settle(write);
    return base::fail(ErrorCode::unsupported, "the store has used up its sequences");
  }
  return {};
}

StallCause CommitPath::try_admit(Waiter& write) noexcept {
  StallCause cause = admission_.try_admit(write, load());
  // An empty ring leaves its mapping at once, and can be asked again.
  if (cause == StallCause::none && !prepare(write)) cause = admission_.try_admit(write, load());
  return cause;
}

// That the ring's memory may be stored into; otherwise the write's room is given back.
bool CommitPath::prepare(Waiter& write) noexcept {
  if (write.is_large || !ring_.is_mapped()) return true;
  if (!leaves_mapping_) {
    if (drain_.busy) expire_prepared(clock_.now());
    auto prepared = ring_.prepare(write.bytes);
    if (prepared) return true;
    stats_.why_not_mapped = std::move(prepared).error();
    leaves_mapping_ = true;
  }
  admission_.settle(write);
  leave_mapping_if_empty();
  return false;
}

Result<void> CommitPath::wait_for_room(Waiter& write, Deadline& deadline) noexcept {
  admission_.queue(write);
  Errands errands;
  ask_log(errands);
  mutex_.unlock();
  settle(errands);
  const bool admitted = sleep(write, deadline);
  mutex_.lock();
  if (failure_) return std::unexpected(failure_->refusal);
  if (admitted) {
    write.state.store(Waiter::kWaiting, std::memory_order_relaxed);
    return {};
  }
  // Whoever stood behind it may not have to wait any longer.
  Errands others;
  admission_.grant(load(), others.done);
  mutex_.unlock();
  settle(others);
  mutex_.lock();
  return base::fail(ErrorCode::timed_out, "the deadline passed before the log had room");
}

void CommitPath::take_sequences(Waiter& write, memtable::Memtable::Staged&& staged) noexcept {
  const base::Sequence first = last_ + 1;
  last_ += write.operations;
  write.target = last_;
  reads_.memtable().link(std::move(staged), first);
  ++stats_.records;
  stats_.operations += write.operations;
  stats_.bytes += write.bytes;
}

// The ring is empty and nobody is at work: admission saw to that, and keeps everybody else out.
CommitPath::Group CommitPath::begin_large(Waiter& write, const wal::EncodedRecord& record,
                                          memtable::Memtable::Staged&& staged) noexcept {
  SILT_ASSERT(!drain_.busy);
  SILT_ASSERT(is_drained());
  Group group;
  group.records = wal::range_of(record);
  group.begin = drained_;
  group.is_large = true;
  ring_.skip(record.size());
  group.end = ring_.head().position;
  take_sequences(write, std::move(staged));
  group.last = last_;
  drain_.busy = true;
  drain_.last = last_;
  reach_for(group);
  return group;
}

Result<void> CommitPath::wait_durable(base::Sequence sequence,
                                      std::optional<io::Duration> within) noexcept {
  if (sequence <= durable()) return {};
  {
    const base::MutexLock lock(mutex_);
    if (sequence > last_) {
      return base::fail(ErrorCode::invalid_argument, "no write has had this sequence")
          .mismatch(last_.value(), sequence.value());
    }
  }
  Deadline deadline(clock_, within);
  return await_durable(sequence, deadline);
}

Result<void> CommitPath::flush() noexcept {
  base::Sequence last;
  {
    const base::MutexLock lock(mutex_);
    if (failure_) return std::unexpected(failure_->refusal);
    last = last_;
  }
  Deadline never(clock_, std::nullopt);
  return await_durable(last, never);
}

Result<void> CommitPath::close() noexcept {
  auto ended = flush();
  worker_->stop();
  if (ended) ended = log_->mark(/*clean_end=*/true);
  // The zeros behind the end are of no use any more. That they stay is no error.
  if (ended && writes_zeros_) static_cast<void>(log_->file().resize(log_->end().offset));
  return ended;
}

LogStats CommitPath::stats() const noexcept {
  const base::MutexLock lock(mutex_);
  LogStats stats = stats_;
  stats.mapped = ring_.is_mapped();
  const auto at = [this](double fraction) SILT_REQUIRES(mutex_) {
    return std::chrono::nanoseconds(drain_ns_.percentile(fraction));
  };
  stats.drain_p50 = at(0.5);
  stats.drain_p99 = at(0.99);
  stats.drain_max = std::chrono::nanoseconds(drain_ns_.max());
  return stats;
}

Result<void> CommitPath::await_durable(base::Sequence target, Deadline& deadline) noexcept {
  Waiter self;
  self.target = target;
  self.has_deadline = deadline.exists();
  Errands errands;
  std::optional<Group> group;
  {
    const base::MutexLock lock(mutex_);
    if (target <= durable()) return {};
    if (failure_) return std::unexpected(failure_->undecided);
    asked_ = std::max(asked_, target);  // whoever asked may be gone before silt-log gets to it
    group = join(Work::drain, self);
    ask_log(errands);
  }
  settle(errands);
  return see_through(Work::drain, self, group, deadline);
}

// Leads where nobody does, unless that may take longer than the caller wants to wait.
std::optional<CommitPath::Group> CommitPath::join(Work work, Waiter& self) noexcept {
  Turn& turn = turn_of(work);
  if (!turn.busy && (work == Work::tail || !self.has_deadline)) return begin(work);
  (turn.busy && self.target <= turn.last ? turn.current : turn.next).push(self);
  return std::nullopt;
}

// Waits for what it joined, or leads: with this group, or the next one when it is told to.
Result<void> CommitPath::see_through(Work work, Waiter& self, std::optional<Group> group,
                                     Deadline& deadline) noexcept {
  if (!group && !sleep(self, deadline)) {
    return base::fail(ErrorCode::timed_out, "the deadline passed before the write was durable")
        .outcome(WriteOutcome::pending, self.target.value());
  }
  if (!group && self.state.load(std::memory_order_relaxed) == Waiter::kLeads) {
    const base::MutexLock lock(mutex_);
    if (!failure_) group = begin(work);
    if (failure_) self.error = failure_->undecided;
  }
  if (group) {
    if (auto done = run(work, *group); !done) self.error = std::move(done).error();
  }
  // In mode interval an earlier drain may have reached what the tail's leader failed to.
  if (self.error && self.target <= durable()) return {};
  if (self.error) return std::unexpected(std::move(*self.error));
  return {};
}

// Until somebody settles it. False when the deadline came first: it is in no list any more.
bool CommitPath::sleep(Waiter& self, Deadline& deadline) noexcept {
  io::Time until = deadline.until();
  while (self.state.load(std::memory_order_acquire) == Waiter::kWaiting) {
    if (until != io::kNever && clock_.now() >= until) {
      const base::MutexLock lock(mutex_);
      if (self.list != nullptr) {
        self.list->remove(self);
        return false;
      }
      until = io::kNever;  // somebody is just about to settle it
      continue;
    }
    parker_.wait(self.state, Waiter::kWaiting, until);
  }
  return true;
}

}  // namespace siltstone::db
