// Group commit: commit() joins or leads, lead() drains, finish() wakes.
#include "db/commit_path.h"

#include <new>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"
#include "base/yield.h"

namespace siltstone::db {
namespace {

// States of a waiter; it sleeps on `waiting` only.
constexpr std::uint32_t kWaiting = 0;
constexpr std::uint32_t kLeads = 1;
constexpr std::uint32_t kDone = 2;

/// What later writes hear: the same code, place and errno, and that the failure was an earlier one.
Error refusal_for(const Error& cause) noexcept {
  try {
    const std::string message =
        "writes are refused since the log failed: " + std::string(cause.message());
    base::ErrorBuilder refusal(cause.code(), message, cause.os_error());
    refusal.path(cause.path());
    if (cause.has_offset()) refusal.offset(cause.offset());
    if (cause.has_mismatch()) refusal.mismatch(cause.expected(), cause.actual());
    return refusal;
  } catch (const std::bad_alloc&) {
    return cause;
  }
}

}  // namespace

// One write under way, on the stack of its writer. Belongs to the leader of its group from the
// moment it is enqueued until its state leaves kWaiting; then the writer goes on, and it may be
// gone.
struct CommitPath::Waiter {
  std::string_view entries;
  std::uint32_t count = 0;
  base::Sequence first;
  Waiter* next = nullptr;      // in its group
  std::optional<Error> error;  // with kDone, if the write failed
  std::atomic<std::uint32_t> state{kWaiting};
};

// Consecutive waiters: never empty. The first one leads.
struct CommitPath::Group {
  Waiter* first = nullptr;
  Waiter* last = nullptr;

  [[nodiscard]] base::Sequence end() const noexcept { return last->first + (last->count - 1); }
};

CommitPath::CommitPath(std::unique_ptr<wal::SegmentWriter> log, ReadPath& reads, io::Parker& parker)
    : reads_(reads), parker_(parker), log_(std::move(log)), last_(reads.visible()) {
  SILT_ASSERT(log_->next() == last_ + 1);
}

CommitPath::~CommitPath() = default;

Result<base::Sequence> CommitPath::commit(std::string_view entries,
                                          memtable::Memtable::Staged&& staged) {
  SILT_ASSERT(staged.count() != 0);
  Waiter self;
  self.entries = entries;
  self.count = static_cast<std::uint32_t>(staged.count());
  bool leads = false;
  {
    const base::MutexLock lock(mutex_);
    if (refusal_) return std::unexpected(*refusal_);
    if (self.count > base::kMaxSequence - last_) {
      return base::fail(ErrorCode::unsupported, "the store has used up its sequences");
    }
    pending_records_.emplace_back();  // the last thing that may fail
    self.first = last_ + 1;
    last_ += self.count;
    reads_.memtable().link(std::move(staged), self.first);
    enqueue(self);
    leads = !std::exchange(draining_, true);
  }
  base::yield_point("commit: joined");
  while (!leads && self.state.load(std::memory_order_acquire) == kWaiting) {
    parker_.wait(self.state, kWaiting, io::kNever);
  }
  if (leads || self.state.load(std::memory_order_relaxed) == kLeads) lead(self);
  if (self.error) return std::unexpected(std::move(*self.error));
  return self.first + (self.count - 1);
}

Result<void> CommitPath::flush() noexcept {
  const base::MutexLock lock(mutex_);
  if (refusal_) return std::unexpected(*refusal_);
  return {};
}

Result<void> CommitPath::close() {
  SILT_TRY(flush());
  return log_->mark(/*clean_end=*/true);
}

void CommitPath::enqueue(Waiter& waiter) noexcept {
  (first_pending_ == nullptr ? first_pending_ : last_pending_->next) = &waiter;
  last_pending_ = &waiter;
}

CommitPath::Group CommitPath::take_pending() noexcept {
  records_.swap(pending_records_);
  pending_records_.clear();
  return {std::exchange(first_pending_, nullptr), std::exchange(last_pending_, nullptr)};
}

// Called by the first waiter of what is pending, while `draining_` keeps everybody else from it.
void CommitPath::lead(Waiter& self) noexcept {
  Group group;
  {
    const base::MutexLock lock(mutex_);
    group = take_pending();
  }
  SILT_ASSERT(group.first == &self);
  if (const Result<void> drained = drain(group); !drained) {
    const Group behind = refuse(drained.error());
    self.error = drained.error();
    finish(self.next, &drained.error());
    finish(behind.first, &drained.error());
    return;
  }
  base::yield_point("commit: durable");
  reads_.publish(group.end());
  hand_over();
  finish(self.next, nullptr);
}

Result<void> CommitPath::drain(const Group& group) noexcept {
  try {
    wal::RingPlace place = log_->ring();
    auto record = records_.begin();
    for (const Waiter* waiter = group.first; waiter != nullptr; waiter = waiter->next, ++record) {
      *record = wal::encode_record(place, waiter->first, waiter->count, waiter->entries);
      place.position += record->size();
    }
    SILT_ASSERT(record == records_.end());
    return log_->drain(records_);
  } catch (const std::bad_alloc&) {
    return base::fail(ErrorCode::out_of_memory,
                      "a group of writes needs more memory than there is");
  }
}

void CommitPath::hand_over() noexcept {
  Waiter* next = nullptr;
  {
    const base::MutexLock lock(mutex_);
    next = first_pending_;
    draining_ = next != nullptr;
  }
  if (next != nullptr) wake(*next, kLeads);
}

// Nothing joins once the refusal stands, so that these are all the waiters there will ever be.
CommitPath::Group CommitPath::refuse(const Error& cause) noexcept {
  const base::MutexLock lock(mutex_);
  refusal_ = refusal_for(cause);
  return take_pending();
}

// A waiter may be gone as soon as its state is set: what follows it is read before.
void CommitPath::finish(Waiter* waiter, const Error* error) noexcept {
  while (waiter != nullptr) {
    Waiter* const next = waiter->next;
    if (error != nullptr) waiter->error = *error;
    wake(*waiter, kDone);
    waiter = next;
  }
}

// Waking uses the address of the word and nothing behind it, so the waiter may be gone by then.
void CommitPath::wake(Waiter& waiter, std::uint32_t state) noexcept {
  const std::atomic<std::uint32_t>& word = waiter.state;
  waiter.state.store(state, std::memory_order_release);
  base::yield_point("commit: before wake");
  parker_.wake(word, 1);
}

}  // namespace siltstone::db
