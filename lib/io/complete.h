// Whole transfers: the one place that knows a request may come back short, interrupted, refused for
// now, out of order, twice or never. Everything above the seam reads, writes and syncs through a
// Channel and sees transfers that are done entirely, or an error with path and offset.
//
// Invariants:
// 1. A transfer longer than one request goes out as one request after the other, in ascending order
//    of offset; what a failed write left behind is therefore a prefix.
// 2. Every completion is matched to a slot of the channel that is under way. One that matches none
//    (a duplicate, or not ours) breaks the channel: nothing it says can be believed any more.
// 3. Buffers belong to the channel until the transfer is done. A Transfer that goes, and a Channel
//    that goes, first wait for what is under way; a Queue that fails is closed, which waits too,
//    before a single transfer is told of the failure.
// 4. Nothing is tried for ever: kMaxRetries attempts without progress end in the error. A sync is
//    not repeated at all, since the attempt that failed may have taken the error with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <siltstone/error.h>

#include "base/error.h"
#include "io/storage.h"

namespace siltstone::io {

class Channel;

/// What the end of the file means to a read.
enum class AtEnd : std::uint8_t {
  corrupt,  ///< The bytes must be there: ErrorCode::corruption if the file ends before them.
  stop,     ///< Fewer bytes are fine.
};

/// When a write is done.
enum class Durability : std::uint8_t {
  none,     ///< The operating system has the bytes; a later sync makes them durable.
  durable,  ///< They are on stable storage.
};

/// One read, write or sync of any length. Started by a Channel, then left where it is until done();
/// used again as often as wanted. Destroying one that is under way waits for it.
class Transfer {
 public:
  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  /// True before the first start and after the end.
  [[nodiscard]] bool done() const noexcept { return channel_ == nullptr; }
  /// Once done: the bytes moved (0 for a sync), or what went wrong and at which offset.
  [[nodiscard]] const Result<std::size_t>& outcome() const noexcept { return outcome_; }

 private:
  friend class Channel;

  void aim(Request& request, iovec& rest) const noexcept;
  void absorb(std::int64_t result, std::size_t asked) noexcept;
  void absorb_short(std::size_t bytes) noexcept;
  void advance(std::size_t bytes) noexcept;
  void fail(base::ErrorBuilder&& error) noexcept;
  void end(Result<std::size_t> outcome) noexcept;

  // What was asked.
  Opcode opcode_ = Opcode::read;
  bool durable_ = false;
  AtEnd at_end_ = AtEnd::corrupt;
  File* file_ = nullptr;
  std::uint64_t offset_ = 0;
  std::size_t length_ = 0;
  std::span<const iovec> buffers_;
  iovec single_{};

  // How far it is: buffer `index_` up to byte `within_`.
  std::size_t moved_ = 0;
  std::size_t index_ = 0;
  std::size_t within_ = 0;
  unsigned attempts_ = 0;  // without progress since the last one that made some

  Result<std::size_t> outcome_ = 0;
  Channel* channel_ = nullptr;  // null when done
  Transfer* next_ = nullptr;    // in the channel's list of those waiting for a slot
  bool abandoned_ = false;      // being destroyed: end at the next completion
};

/// A Queue made reliable. Thread-bound: one owner for the channel and all its transfers.
///
/// Many at once: start them all, then wait(), or call poll() from time to time and look at done().
/// Started transfers reach the queue together, at the next poll() or wait().
class Channel {
 public:
  /// Attempts without progress before a transfer fails with the last errno.
  static constexpr unsigned kMaxRetries = 100;
  /// Times in a row an idle queue may take nothing, or a waiting one return nothing.
  static constexpr unsigned kMaxStalls = 100'000;

  explicit Channel(std::unique_ptr<Queue> queue);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  /// Waits for requests under way; transfers that are not done fail with `closed`.
  ~Channel();

  /// Starts a transfer that is done() now. File, buffers and the list of buffers are the channel's
  /// until it is done again. Any number of buffers of any length, 0 too.
  void read(Transfer& transfer, File& file, std::uint64_t offset, std::span<const iovec> buffers,
            AtEnd at_end = AtEnd::corrupt);
  void read(Transfer& transfer, File& file, std::uint64_t offset, std::span<std::byte> out,
            AtEnd at_end = AtEnd::corrupt);
  void write(Transfer& transfer, File& file, std::uint64_t offset, std::span<const iovec> buffers,
             Durability durability = Durability::none);
  void write(Transfer& transfer, File& file, std::uint64_t offset, std::span<const std::byte> bytes,
             Durability durability = Durability::none);
  /// Covers the writes that were done before it was started, and no others.
  void sync(Transfer& transfer, File& file);

  /// Hands over what was started and takes what has completed, without waiting for the device.
  void poll();
  /// Waits until the transfer is done.
  void wait(const Transfer& transfer);
  /// Waits until one more request completes; at once when none is under way. For decoding in the
  /// order of arrival: look at done() of each in turn.
  void wait_any();

  /// False once the queue has failed: every transfer fails from then on.
  [[nodiscard]] bool usable() const noexcept { return !refusal_; }
  /// True when nothing was started that is not done.
  [[nodiscard]] bool idle() const noexcept { return under_way_ == 0 && first_waiting_ == nullptr; }
  /// Pass on the hints of Queue::remember(), before the first transfer.
  void remember(File& file) { queue_->remember(file); }
  void remember(std::span<std::byte> memory) { queue_->remember(memory); }

  // One transfer, from start to end.
  [[nodiscard]] Result<void> read_exactly(File& file, std::uint64_t offset,
                                          std::span<std::byte> out);
  /// The bytes read; fewer than asked only at the end of the file.
  [[nodiscard]] Result<std::size_t> read_to_end(File& file, std::uint64_t offset,
                                                std::span<std::byte> out);
  [[nodiscard]] Result<void> write_all(File& file, std::uint64_t offset,
                                       std::span<const iovec> buffers,
                                       Durability durability = Durability::none);
  [[nodiscard]] Result<void> write_all(File& file, std::uint64_t offset,
                                       std::span<const std::byte> bytes,
                                       Durability durability = Durability::none);
  [[nodiscard]] Result<void> sync(File& file);

 private:
  friend class Transfer;

  /// A request of ours, and the transfer it moves; null when the slot is free.
  struct Slot : Request {
    Transfer* transfer = nullptr;
    std::size_t asked = 0;
    iovec rest{};  // the unfinished part of one buffer, after a short transfer
  };
  /// Why a queue is used no more.
  struct Refusal {
    ErrorCode code = ErrorCode::io;
    int os_error = 0;
    const char* what = nullptr;

    static Refusal from_os(std::int64_t result, const char* what) noexcept;
  };

  void start(Transfer& transfer, File& file, std::uint64_t offset);
  void forget(Transfer& transfer) noexcept;
  void pump(std::size_t wait_for) noexcept;
  void submit() noexcept;
  void take(std::size_t wait_for) noexcept;
  void complete(Request* request) noexcept;
  void append_waiting(Transfer& transfer) noexcept;
  void drop_first_waiting() noexcept;
  [[nodiscard]] Slot& free_slot() noexcept;
  void stall() noexcept;
  void refuse(const Refusal& refusal) noexcept;
  void break_off(const Refusal& refusal) noexcept;
  [[nodiscard]] Result<void> finish(const Transfer& transfer);

  std::unique_ptr<Queue> queue_;   // null once broken
  std::vector<Slot> slots_;        // as many as the queue holds, so that it is never over-filled
  std::vector<Request*> scratch_;  // for one call of submit() or reap()
  std::size_t next_slot_ = 0;      // slots are used in turn: a late duplicate meets a free one
  std::size_t under_way_ = 0;      // slots in use
  unsigned stalls_ = 0;            // calls in a row that moved nothing
  Transfer* first_waiting_ = nullptr;  // started, without a slot; first in, first out
  Transfer* last_waiting_ = nullptr;
  std::optional<Refusal> refusal_;  // why nothing can be started any more
};

}  // namespace siltstone::io
