// Several finished jobs share one commit. A job enqueues its edit and goes on with other work; the
// first thread that polls while no commit is under way takes everything that waits, has the new
// catalog payload made, off-lock, and leads the commit to its end with its own channel.
//
// Thread-safe. The leader is a thread: whoever polled first goes on polling until its commit ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <siltstone/error.h>

#include "base/mutex.h"
#include "io/complete.h"
#include "io/parker.h"
#include "page/commit.h"

namespace siltstone::page {

/// One job's part of a commit: its edit going in, its outcome coming out. The job keeps it where it
/// is until done().
class Ticket {
 public:
  explicit Ticket(Edit edit, void* owner = nullptr) : edit_(std::move(edit)), owner_(owner) {}
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() = default;

  [[nodiscard]] const Edit& edit() const noexcept { return edit_; }
  /// The job's; never touched.
  [[nodiscard]] void* owner() const noexcept { return owner_; }
  [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire) != 0; }
  /// Once done: the durable generation that has the edit, or why none is known to.
  [[nodiscard]] const Result<base::Generation>& outcome() const noexcept { return outcome_; }
  /// Once done, with an error: false when a power cut may still bring the edit.
  [[nodiscard]] bool outcome_known() const noexcept { return known_; }

 private:
  friend class GroupCommit;

  Edit edit_;
  void* owner_;
  std::atomic<std::uint32_t> done_{0};
  bool known_ = true;
  Result<base::Generation> outcome_ = base::Generation();
};

/// Makes the catalog's payload: the layer above, which knows what it means.
class PayloadSource {
 public:
  PayloadSource() = default;
  PayloadSource(const PayloadSource&) = delete;
  PayloadSource& operator=(const PayloadSource&) = delete;
  virtual ~PayloadSource() = default;

  /// The payload after these edits, in this order, on top of the newest durable generation. Called
  /// by one thread at a time and without locks. An error fails these edits and nothing else.
  [[nodiscard]] virtual Result<std::vector<std::byte>> serialise(
      std::span<Ticket* const> tickets) = 0;
};

class GroupCommit {
 public:
  /// All outlive this.
  GroupCommit(PageFile& file, PayloadSource& source, io::Parker& parker) noexcept
      : file_(file), source_(source), parker_(parker) {}
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;
  /// REQUIRES: every ticket is done, and no call under way.
  ~GroupCommit();

  void enqueue(Ticket& ticket);
  /// Leads, if nobody does, or goes on leading; does not wait for the device. True while this
  /// channel leads a commit: then poll again.
  bool poll(io::Channel& channel);
  /// Until the ticket is done: leads with this channel, or sleeps while somebody else does.
  void wait(const Ticket& ticket, io::Channel& channel);

 private:
  [[nodiscard]] bool take_lead(io::Channel& channel);
  void drop_tainted();
  void begin(io::Channel& channel);
  [[nodiscard]] Result<std::unique_ptr<Commit>> begin_group(io::Channel& channel);
  static void settle(Ticket& ticket, const Result<base::Generation>& outcome, bool known);
  void finish(const Result<base::Generation>& outcome, bool known);

  PageFile& file_;
  PayloadSource& source_;
  io::Parker& parker_;
  base::Mutex mutex_;
  std::vector<Ticket*> waiting_ SILT_GUARDED_BY(mutex_);
  // Null when nobody leads. Only the leader changes it back, and only it touches what follows.
  io::Channel* leader_ SILT_GUARDED_BY(mutex_) = nullptr;
  std::vector<Ticket*> group_;
  std::unique_ptr<Commit> commit_;
  // Counts the ends of commits, for those asleep.
  std::atomic<std::uint32_t> ended_{0};
};

}  // namespace siltstone::page
