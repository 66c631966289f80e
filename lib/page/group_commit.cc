// Leading and following: see group_commit.h.
#include "page/group_commit.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

void append(std::vector<Extent>& to, const std::vector<Extent>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

GroupCommit::~GroupCommit() {
  SILT_ASSERT(commit_ == nullptr);
  const base::MutexLock lock(mutex_);
  SILT_ASSERT(waiting_.empty());
}

void GroupCommit::enqueue(Ticket& ticket) {
  const base::MutexLock lock(mutex_);
  waiting_.push_back(&ticket);
}

bool GroupCommit::poll(io::Channel& channel) {
  if (!take_lead(channel)) return false;
  if (commit_ == nullptr) begin(channel);
  if (commit_ == nullptr) return false;
  if (!commit_->poll()) return true;
  finish(commit_->outcome(), commit_->outcome_known());
  return false;
}

void GroupCommit::wait(const Ticket& ticket, io::Channel& channel) {
  while (!ticket.done()) {
    const std::uint32_t ended = ended_.load(std::memory_order_acquire);
    if (take_lead(channel)) {
      if (commit_ == nullptr) begin(channel);
      if (commit_ == nullptr) continue;
      commit_->wait();
      finish(commit_->outcome(), commit_->outcome_known());
    } else if (!ticket.done()) {
      parker_.wait(ended_, ended, io::kNever);
    }
  }
}

// True when this channel leads: already, or from now on because nobody does and something waits.
bool GroupCommit::take_lead(io::Channel& channel) {
  const base::MutexLock lock(mutex_);
  if (leader_ == &channel) return true;
  if (leader_ != nullptr || waiting_.empty()) return false;
  leader_ = &channel;
  group_ = std::exchange(waiting_, {});
  return true;
}

// A ticket whose extents a sync has tainted meanwhile fails alone: the others need not share that.
void GroupCommit::drop_tainted() {
  const auto is_tainted = [this](const Extent& extent) { return file_.is_tainted(extent); };
  std::erase_if(group_, [&](Ticket* ticket) {
    if (std::ranges::none_of(ticket->edit().added, is_tainted)) return false;
    const Error error = base::fail(ErrorCode::io, "an extent must be written again elsewhere");
    settle(*ticket, std::unexpected(error), true);
    return true;
  });
}

// Leaves a commit under way, or the group told why there is none.
void GroupCommit::begin(io::Channel& channel) {
  drop_tainted();
  if (group_.empty()) return finish(base::Generation(), true);
  try {
    auto begun = begin_group(channel);
    if (!begun) return finish(std::unexpected(begun.error()), true);
    commit_ = *std::move(begun);
  } catch (const std::bad_alloc&) {
    finish(std::unexpected(Error(ErrorCode::out_of_memory, "memory to begin a commit")), true);
  }
}

// The group's edits as one, and the payload after them.
Result<std::unique_ptr<Commit>> GroupCommit::begin_group(io::Channel& channel) {
  Edit edit;
  for (const Ticket* ticket : group_) {
    append(edit.added, ticket->edit().added);
    append(edit.freed, ticket->edit().freed);
  }
  const auto payload = SILT_TRY(source_.serialise(group_));
  return Commit::begin(file_, channel, std::move(edit), payload);
}

// The ticket may be gone as soon as it is done.
void GroupCommit::settle(Ticket& ticket, const Result<base::Generation>& outcome, bool known) {
  ticket.outcome_ = outcome;
  ticket.known_ = known;
  ticket.done_.store(1, std::memory_order_release);
}

// Tells everybody, and lets the next one lead.
void GroupCommit::finish(const Result<base::Generation>& outcome, bool known) {
  for (Ticket* ticket : group_) settle(*ticket, outcome, known);
  group_.clear();
  commit_.reset();
  {
    const base::MutexLock lock(mutex_);
    leader_ = nullptr;
  }
  ended_.fetch_add(1, std::memory_order_release);
  parker_.wake(ended_, io::kWakeAll);
}

}  // namespace siltstone::page
