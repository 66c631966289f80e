// Leaders at work, what they leave behind, and silt-log.
#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/yield.h"
#include "db/commit_path.h"
#include "db/guard.h"

namespace siltstone::db {
namespace {

// After which time without a write the end of the log is proved by an empty frame.
constexpr io::Duration kIdle = std::chrono::seconds(1);
// How long what was prepared of a mapped ring may be stored into.
constexpr io::Duration kPrepared = std::chrono::seconds(1);
// A drain of so much tells that writers are busy.
constexpr std::size_t kBusyBytes = std::size_t{64} << 10;
// Bytes of the memtable to have ready for each byte of the log: a record takes up to twice its size
// there, and the next drain comes when as much is written again.
constexpr std::size_t kMemtableShare = 4;
// How much further a segment grows before its successor is tried again, when it could not be made.
constexpr std::uint64_t kTryAgainBytes = std::uint64_t{1} << 20;
// How soon silt-log looks again when its work is due while somebody else is at it.
constexpr io::Duration kLookAgain = std::chrono::milliseconds(1);

/// The same code, place and errno.
Error retold(const Error& cause, std::string_view prefix, WriteOutcome outcome) noexcept {
  try {
    base::ErrorBuilder error(cause.code(), std::string(prefix) + std::string(cause.message()),
                             cause.os_error());
    error.path(cause.path()).outcome(outcome);
    if (cause.has_offset()) error.offset(cause.offset());
    if (cause.has_mismatch()) error.mismatch(cause.expected(), cause.actual());
    return error;
  } catch (const std::bad_alloc&) {
    return cause;
  }
}

}  // namespace

CommitPath::Group CommitPath::begin(Work work) noexcept {
  Turn& turn = turn_of(work);
  SILT_ASSERT(turn.current.empty());
  turn.busy = true;
  turn.begin = work == Work::drain ? drained_ : std::max(tail_end_, drained_);
  turn.last = last_;
  turn.current.take_from(turn.next);
  const base::RingPosition end = ring_.head().position;
  if (work == Work::drain && options_.durability == Durability::interval) {
    drain_begun_ = clock_.now();
  }
  Group group;
  group.records = ring_.range(turn.begin, end);
  group.begin = turn.begin;
  group.end = end;
  group.last = last_;
  if (work == Work::drain) reach_for(group);
  return group;
}

// In which segment a drain writes, and where in it, so that no zeros are written there meanwhile.
void CommitPath::reach_for(Group& group) noexcept {
  group.rolls = is_full() && has_next_;
  if (group.rolls) {
    has_next_ = false;
    rolling_ = true;
    segment_end_ = wal::kFirstFrameOffset;
    segment_bytes_ = next_->size_bytes;
    prepare_at_ = segment_bytes_ / 2;
    zeros_end_ = next_->zeros_end;
  }
  drain_reach_ = segment_end_ + wal::SegmentWriter::max_frame_bytes(group.records.size());
  group.meets_zeros = writing_zeros_.load() != 0 && (group.rolls || drain_reach_ > zeros_end_);
}

Result<void> CommitPath::run(Work work, const Group& group) noexcept {
  return work == Work::drain ? run_drain(group) : run_tail(group);
}

Result<void> CommitPath::run_drain(const Group& group) noexcept {
  while (group.meets_zeros && writing_zeros_.load() != 0) {
    parker_.wait(writing_zeros_, 1, io::kNever);
  }
  const io::Time began = clock_.now();
  Result<void> drained;
  if (group.rolls) drained = log_->roll(*std::exchange(next_, std::nullopt));
  if (drained)
    drained = group.is_mark ? log_->mark(/*clean_end=*/false) : log_->drain(group.records);
  const io::Time ended = clock_.now();
  const std::uint64_t segment_end = log_->end().offset;
  base::yield_point("commit: drained");
  Errands errands;
  {
    const base::MutexLock lock(mutex_);
    if (drained) {
      drain_ns_.record(static_cast<std::uint64_t>((ended - began).count()));
      end_drain(group, ended, segment_end, errands);
    } else {
      drained = std::unexpected(refuse(drained.error(), errands));
    }
  }
  settle(errands);
  return drained;
}

void CommitPath::end_drain(const Group& group, io::Time ended, std::uint64_t segment_end,
                           Errands& errands) noexcept {
  segment_end_ = segment_end;
  drained_ = group.end;
  // In this order: who hears without the lock that a write is durable may go and read it.
  publish(group.last);
  base::yield_point("commit: published");
  durable_.store(group.last.value(), std::memory_order_release);
  ++(group.is_mark ? stats_.marks : stats_.drains);
  stats_.rolls += group.rolls ? 1 : 0;
  rolling_ = false;
  if (wants_zeros() || wants_segment()) errands.wake_log = true;
  if (group.is_large) admission_.end_large();
  if (group.is_mark) {
    mark_armed_ = false;
    mark_due_ = io::kNever;
  } else if (!mark_armed_) {
    mark_armed_ = true;
    errands.wake_log = true;
  }
  sync_armed_ = sync_armed_ && !is_drained();
  sync_due_ = sync_armed_ ? drain_begun_ + options_.sync_interval : io::kNever;
  drain_begun_ = ended;  // of the next one, if somebody is told to lead it
  errands.done.take_from(drain_.current);
  hand_over(Work::drain, errands);
  release_ring(errands);
  ask_log(errands);
}

// What this file system does not take is drained at once, as in every_commit: it is as safe then.
Result<void> CommitPath::run_tail(const Group& group) noexcept {
  Result<void> written = tail_log_->write(group.records, group.begin);
  if (!written) {
    Deadline never(clock_, std::nullopt);
    written = await_durable(group.last, never);
  }
  base::yield_point("commit: tail written");
  Errands errands;
  {
    const base::MutexLock lock(mutex_);
    if (written) {
      publish(group.last);
      tail_end_ = group.end;
      ++stats_.tail_writes;
      errands.done.take_from(tail_.current);
    } else {
      errands.error = written.error();
      fail(tail_.current, errands);
    }
    hand_over(Work::tail, errands);
    release_ring(errands);
    if (!is_drained()) arm_interval(errands);
    ask_log(errands);
  }
  settle(errands);
  return written;
}

void CommitPath::hand_over(Work work, Errands& errands) noexcept {
  Turn& turn = turn_of(work);
  errands.leader = work == Work::drain ? turn.next.pop_patient() : turn.next.pop();
  turn.busy = errands.leader != nullptr;
}

// Nothing is appended and nobody joins once the failure stands, so these are all the waiters that
// there will ever be, but for those of a tail that is being written: its leader tells them.
Error CommitPath::refuse(const Error& cause, Errands& errands) noexcept {
  failure_ = Failure{
      .refusal =
          retold(cause, "writes are refused since the log failed: ", WriteOutcome::not_applied),
      .undecided = retold(cause, "", WriteOutcome::undecided),
  };
  errands.error = failure_->undecided;
  fail(drain_.current, errands);
  fail(drain_.next, errands);
  fail(tail_.next, errands);
  admission_.take_all(errands.done);  // they see the failure for themselves
  drain_.busy = false;
  return failure_->undecided;
}

// A good drain before may have reached some of them already: these are visible, and acknowledged.
void CommitPath::fail(WaiterList& waiters, Errands& errands) noexcept {
  while (Waiter* const waiter = waiters.pop()) {
    (waiter->target <= durable() ? errands.done : errands.failed).push(*waiter);
  }
}

void CommitPath::release_ring(Errands& errands) noexcept {
  ring_.release(tail_.busy ? std::min(drained_, tail_.begin) : drained_);
  if (leaves_mapping_) leave_mapping_if_empty();
  if (!failure_) admission_.grant(load(), errands.done);
}

// What it held is durable by now. Writes to the file go on where its last record ended.
void CommitPath::leave_mapping_if_empty() noexcept {
  if (ring_.used() != 0) return;
  ring_.leave_mapping();
  leaves_mapping_ = false;
}

void CommitPath::publish(base::Sequence last) noexcept {
  if (last > reads_.visible()) reads_.publish(last);
}

// A waiter may be gone as soon as its state is set.
void CommitPath::settle(Errands& errands) noexcept {
  if (errands.leader != nullptr) wake(*errands.leader, Waiter::kLeads);
  while (Waiter* const waiter = errands.done.pop()) wake(*waiter, Waiter::kDone);
  while (Waiter* const waiter = errands.failed.pop()) {
    waiter->error = *errands.error;
    wake(*waiter, Waiter::kDone);
  }
  if (errands.wake_log) worker_->wake();
}

// Waking uses the address of the word and nothing behind it, so the waiter may be gone by then.
void CommitPath::wake(Waiter& waiter, std::uint32_t state) noexcept {
  const std::atomic<std::uint32_t>& word = waiter.state;
  waiter.state.store(state, std::memory_order_release);
  base::yield_point("commit: before wake");
  parker_.wake(word, 1);
}

LogLoad CommitPath::load() const noexcept {
  LogLoad load{.bytes = ring_.used(),
               .operations = last_ - durable(),
               .is_busy = drain_.busy || tail_.busy,
               .is_moving = leaves_mapping_};
  if (options_.durability != Durability::interval || is_drained()) return load;
  // Without a drain, silt-log may be waiting for the device on behalf of the next segment.
  const io::Time since = drain_.busy ? drain_begun_ : making_since_;
  load.is_behind = since != io::kNever && clock_.now() - since > options_.sync_interval;
  return load;
}

bool CommitPath::wants_drain() const noexcept {
  if (failure_ || is_drained()) return false;
  return ring_.head().position - drained_ >= drain_at_bytes_ ||
         last_ - durable() > options_.max_operations / 2 || asked_ > durable() ||
         !drain_.next.empty() || admission_.somebody_waits();
}

void CommitPath::ask_log(Errands& errands) noexcept {
  if (!drain_.busy && wants_drain()) errands.wake_log = true;
}

// Two timers that silt-log sets when it is woken: of the interval, and, in a mapped ring, of what
// was prepared.
void CommitPath::arm_interval(Errands& errands) noexcept {
  if (sync_armed_ && expiry_armed_ == ring_.is_mapped()) return;
  sync_armed_ = true;
  expiry_armed_ = ring_.is_mapped();
  errands.wake_log = true;
}

// In time also where silt-log waits for the device, and its timer for it.
void CommitPath::expire_prepared(io::Time now) noexcept {
  if (now >= expiry_due_) ring_.expire();
  if (now >= expiry_due_ || expiry_due_ == io::kNever) expiry_due_ = now + kPrepared;
}

// Waits for the device, which a step should not: its thread has nothing else to do.
io::Time CommitPath::log_step() noexcept {
  std::optional<Group> group;
  bool prepares = false;
  {
    const base::MutexLock lock(mutex_);
    const io::Time now = clock_.now();
    if (now >= expiry_due_) {
      ring_.expire();
      expiry_armed_ = false;
      expiry_due_ = io::kNever;
    }
    prepares = wants_segment();
    // Drains come first, but not for ever.
    if (!drain_.busy && !failure_ && !(prepares && is_full())) group = log_work(now);
    if (!group && !prepares && !wants_zeros()) return next_log_step(now);
    if (!group && prepares) making_since_ = now;
  }
  if (group) {
    static_cast<void>(run_drain(*group));  // whoever waits for it is told
    // As much will come again, and more in the memtable: this thread has the time to zero pages.
    if (group->records.size() >= kBusyBytes) {
      reads_.memtable().prefault(kMemtableShare * group->records.size());
    }
  } else if (prepares) {
    prepare_segment();
  } else {
    write_zeros();
  }
  return io::Time::min();
}

bool CommitPath::wants_segment() const noexcept {
  if (has_next_ || rolling_ || no_slots_ || failure_ || stats_.drains == 0) return false;
  return segment_end_ >= prepare_at_;
}

// That it cannot be made is no failure of the log: the segment in use grows on. The timer of the
// interval was not looked at meanwhile: what was written first is taken for as old as it may be.
void CommitPath::prepare_segment() noexcept {
  auto next = guarded([this] { return ahead_->prepare(); });
  Errands errands;
  {
    const base::MutexLock lock(mutex_);
    if (!next) {
      prepare_at_ = segment_end_ + kTryAgainBytes;
    } else if (*next) {
      next_.emplace(**std::move(next));
      has_next_ = true;
    } else {
      no_slots_ = true;
    }
    const io::Time since = std::exchange(making_since_, io::kNever);
    if (sync_armed_ && sync_due_ == io::kNever) sync_due_ = since + options_.sync_interval;
    if (!failure_) admission_.grant(load(), errands.done);
  }
  settle(errands);
}

std::optional<CommitPath::Group> CommitPath::log_work(io::Time now) noexcept {
  if (wants_drain() || (sync_armed_ && now >= sync_due_ && !is_drained())) {
    return begin(Work::drain);
  }
  if (!mark_armed_ || now < mark_due_) return std::nullopt;
  if (durable() != mark_seen_ || !is_drained() || admission_.has_large()) {
    mark_due_ = io::kNever;  // not idle: from now on again
    return std::nullopt;
  }
  Group mark = begin(Work::drain);
  mark.is_mark = true;
  return mark;
}

// Before the drains come within half of what is to be kept ahead of them; a store that is opened
// and not written to stays as it is.
bool CommitPath::wants_zeros() const noexcept {
  if (!writes_zeros_ || rolling_ || failure_ || stats_.drains == 0) return false;
  const std::uint64_t wanted = wal::SegmentAhead::goal(segment_end_, segment_bytes_) - segment_end_;
  return wanted != 0 && zeros_end_ < segment_end_ + wanted / 2;
}

void CommitPath::write_zeros() noexcept {
  std::uint64_t begin = 0;
  {
    const base::MutexLock lock(mutex_);
    if (rolling_) return;
    zeros_end_ = std::max(zeros_end_, segment_end_);
    // A drain is at work there: once it is done, the frames will have made the file longer.
    if (drain_.busy && drain_reach_ > zeros_end_) {
      zeros_end_ = drain_reach_;
      return;
    }
    writing_zeros_.store(1);
    begin = zeros_end_;
  }
  const auto written = ahead_->write_zeros(log_->file(), begin);
  {
    const base::MutexLock lock(mutex_);
    // A drain that leaves the segment has its zeros elsewhere.
    if (!rolling_) zeros_end_ = written ? begin + wal::SegmentAhead::kStepBytes : UINT64_MAX;
    writing_zeros_.store(0);
  }
  parker_.wake(writing_zeros_, io::kWakeAll);
}

io::Time CommitPath::next_log_step(io::Time now) noexcept {
  if (failure_) return io::kNever;
  if (sync_armed_ && sync_due_ == io::kNever) sync_due_ = now + options_.sync_interval;
  if (expiry_armed_ && expiry_due_ == io::kNever) expiry_due_ = now + kPrepared;
  if (mark_armed_ && mark_due_ == io::kNever) {
    mark_due_ = now + kIdle;
    mark_seen_ = durable();
  }
  const io::Time due = std::min(sync_due_, mark_due_);
  return std::min(expiry_due_, drain_.busy ? std::max(due, now + kLookAgain) : due);
}

}  // namespace siltstone::db
