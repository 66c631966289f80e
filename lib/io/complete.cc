// Channel and Transfer: see complete.h. A transfer knows how far it is and what a result means to
// it; the channel owns the requests, matches completions to them and feeds the queue.
#include "io/complete.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/try.h"

namespace siltstone::io {
namespace {

const char* name_of(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::read: return "read";
    case Opcode::write: return "write";
    case Opcode::sync: return "sync";
  }
  return "transfer";
}

// The refusals that mean "not now" rather than "no".
bool is_passing(int os_error) noexcept {
  return os_error == EINTR || os_error == EAGAIN || os_error == EBUSY || os_error == ECANCELED;
}

std::size_t total_length(std::span<const iovec> buffers) noexcept {
  std::size_t total = 0;
  for (const iovec& buffer : buffers) total += buffer.iov_len;
  return total;
}

}  // namespace

Transfer::~Transfer() {
  if (channel_ != nullptr) channel_->forget(*this);
}

// Makes the request for what comes next: the rest of a buffer that was left half-way, alone, or as
// many whole buffers as a request may have.
void Transfer::aim(Request& request, iovec& rest) const noexcept {
  request.opcode = opcode_;
  request.durable = durable_;
  request.file = file_;
  request.offset = offset_ + moved_;
  request.result = 0;
  if (within_ != 0) {
    const iovec& half = buffers_[index_];
    rest = {static_cast<std::byte*>(half.iov_base) + within_, half.iov_len - within_};
    request.buffers = {&rest, 1};
  } else {
    request.buffers =
        buffers_.subspan(index_, std::min(kMaxBuffersPerRequest, buffers_.size() - index_));
  }
}

// Takes one result; afterwards the transfer has ended or wants another request.
void Transfer::absorb(std::int64_t result, std::size_t asked) noexcept {
  if (result < 0) {
    const int os_error = static_cast<int>(-result);
    const bool again = is_passing(os_error) && opcode_ != Opcode::sync && !abandoned_ &&
                       ++attempts_ < Channel::kMaxRetries;
    if (!again) fail(base::fail_os(os_error, name_of(opcode_)));
    return;
  }
  const auto bytes = static_cast<std::size_t>(result);
  if (bytes > asked) {
    fail(base::fail(ErrorCode::io, "more bytes reported than were asked for"));
    return;
  }
  if (bytes == asked) {
    attempts_ = 0;
    advance(bytes);
    if (moved_ == length_) end(moved_);
  } else {
    absorb_short(bytes);
  }
  if (abandoned_ && !done()) end(moved_);
}

// A direct transfer can only go on at an aligned offset; what came beyond the last one is moved
// again. Less than one aligned unit is the end of the file to a read, and no progress to a write.
void Transfer::absorb_short(std::size_t bytes) noexcept {
  const Alignment alignment = file_->alignment();
  const std::size_t unit = std::max(alignment.memory_bytes, alignment.offset_bytes);
  const std::size_t usable = bytes - bytes % unit;
  if (usable != 0) {
    attempts_ = 0;
    advance(usable);
  } else if (opcode_ == Opcode::read) {
    const std::size_t present = moved_ + bytes;
    if (at_end_ == AtEnd::stop) {
      end(present);
    } else {
      auto error = base::fail(ErrorCode::corruption, "the file ends before the data does");
      error.mismatch(length_, present);
      fail(std::move(error));
    }
  } else if (++attempts_ >= Channel::kMaxRetries) {
    fail(base::fail(ErrorCode::io, "the write makes no progress"));
  }
}

void Transfer::advance(std::size_t bytes) noexcept {
  moved_ += bytes;
  while (index_ < buffers_.size() && bytes >= buffers_[index_].iov_len - within_) {
    bytes -= buffers_[index_].iov_len - within_;
    ++index_;
    within_ = 0;
  }
  within_ += bytes;
}

void Transfer::fail(base::ErrorBuilder&& error) noexcept {
  error.path(file_->path());
  if (opcode_ != Opcode::sync) error.offset(offset_ + moved_);
  end(error);
}

void Transfer::end(Result<std::size_t> outcome) noexcept {
  outcome_ = std::move(outcome);
  channel_ = nullptr;
}

Channel::Refusal Channel::Refusal::from_os(std::int64_t result, const char* what) noexcept {
  const int os_error = static_cast<int>(-result);
  return {base::fail_os(os_error, what).build().code(), os_error, what};
}

Channel::Channel(std::unique_ptr<Queue> queue)
    : queue_(std::move(queue)),
      slots_(std::max<std::size_t>(queue_->capacity(), 1)),
      scratch_(slots_.size()) {}

Channel::~Channel() { break_off({ErrorCode::closed, 0, "the channel was closed"}); }

void Channel::read(Transfer& transfer, File& file, std::uint64_t offset,
                   std::span<const iovec> buffers, AtEnd at_end) {
  SILT_ASSERT(transfer.done());
  transfer.opcode_ = Opcode::read;
  transfer.durable_ = false;
  transfer.at_end_ = at_end;
  transfer.buffers_ = buffers;
  start(transfer, file, offset);
}

void Channel::read(Transfer& transfer, File& file, std::uint64_t offset, std::span<std::byte> out,
                   AtEnd at_end) {
  SILT_ASSERT(transfer.done());
  transfer.single_ = {out.data(), out.size()};
  read(transfer, file, offset, {&transfer.single_, 1}, at_end);
}

void Channel::write(Transfer& transfer, File& file, std::uint64_t offset,
                    std::span<const iovec> buffers, Durability durability) {
  SILT_ASSERT(transfer.done());
  transfer.opcode_ = Opcode::write;
  transfer.durable_ = durability == Durability::durable;
  transfer.buffers_ = buffers;
  start(transfer, file, offset);
}

void Channel::write(Transfer& transfer, File& file, std::uint64_t offset,
                    std::span<const std::byte> bytes, Durability durability) {
  SILT_ASSERT(transfer.done());
  // An iovec has no const, but a write only reads.
  transfer.single_ = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  write(transfer, file, offset, {&transfer.single_, 1}, durability);
}

void Channel::sync(Transfer& transfer, File& file) {
  SILT_ASSERT(transfer.done());
  transfer.opcode_ = Opcode::sync;
  transfer.durable_ = false;
  transfer.buffers_ = {};
  start(transfer, file, 0);
}

// The caller has set what depends on the kind; nothing of the last use may remain.
void Channel::start(Transfer& transfer, File& file, std::uint64_t offset) {
  transfer.file_ = &file;
  transfer.offset_ = offset;
  transfer.length_ = total_length(transfer.buffers_);
  transfer.moved_ = transfer.index_ = transfer.within_ = 0;
  transfer.attempts_ = 0;
  transfer.abandoned_ = false;
  transfer.channel_ = this;
  transfer.advance(0);  // over empty buffers in front
  if (transfer.length_ == 0 && transfer.opcode_ != Opcode::sync) {
    transfer.end(0);
    return;
  }
  append_waiting(transfer);
  if (refusal_) refuse(*refusal_);
}

void Channel::poll() { pump(0); }

void Channel::wait(const Transfer& transfer) {
  while (!transfer.done()) pump(1);
}

void Channel::wait_any() { pump(1); }

Result<void> Channel::read_exactly(File& file, std::uint64_t offset, std::span<std::byte> out) {
  Transfer transfer;
  read(transfer, file, offset, out);
  return finish(transfer);
}

Result<std::size_t> Channel::read_to_end(File& file, std::uint64_t offset,
                                         std::span<std::byte> out) {
  Transfer transfer;
  read(transfer, file, offset, out, AtEnd::stop);
  wait(transfer);
  return transfer.outcome();
}

Result<void> Channel::write_all(File& file, std::uint64_t offset, std::span<const iovec> buffers,
                                Durability durability) {
  Transfer transfer;
  write(transfer, file, offset, buffers, durability);
  return finish(transfer);
}

Result<void> Channel::write_all(File& file, std::uint64_t offset, std::span<const std::byte> bytes,
                                Durability durability) {
  Transfer transfer;
  write(transfer, file, offset, bytes, durability);
  return finish(transfer);
}

Result<void> Channel::sync(File& file) {
  Transfer transfer;
  sync(transfer, file);
  return finish(transfer);
}

Result<void> Channel::finish(const Transfer& transfer) {
  wait(transfer);
  SILT_TRY(Result<std::size_t>(transfer.outcome()));
  return {};
}

void Channel::append_waiting(Transfer& transfer) noexcept {
  transfer.next_ = nullptr;
  (first_waiting_ == nullptr ? first_waiting_ : last_waiting_->next_) = &transfer;
  last_waiting_ = &transfer;
}

void Channel::drop_first_waiting() noexcept {
  first_waiting_ = first_waiting_->next_;
  if (first_waiting_ == nullptr) last_waiting_ = nullptr;
}

// For the end of a Transfer's life.
void Channel::forget(Transfer& transfer) noexcept {
  Transfer* previous = nullptr;
  for (Transfer* t = first_waiting_; t != nullptr; previous = t, t = t->next_) {
    if (t != &transfer) continue;
    (previous == nullptr ? first_waiting_ : previous->next_) = t->next_;
    if (last_waiting_ == t) last_waiting_ = previous;
    return;
  }
  transfer.abandoned_ = true;
  wait(transfer);
}

void Channel::pump(std::size_t wait_for) noexcept {
  submit();
  take(wait_for);
}

// A transfer leaves the waiting list when the queue has taken its request, and not before.
void Channel::submit() noexcept {
  std::size_t count = 0;
  for (Transfer* t = first_waiting_; t != nullptr && under_way_ < slots_.size(); t = t->next_) {
    Slot& slot = free_slot();
    slot.transfer = t;
    t->aim(slot, slot.rest);
    slot.asked = total_length(slot.buffers);
    scratch_[count++] = &slot;
    ++under_way_;
  }
  if (count == 0) return;
  const std::int64_t result = queue_->submit({scratch_.data(), count});
  const std::size_t taken = result > 0 ? std::min(static_cast<std::size_t>(result), count) : 0;
  for (std::size_t i = 0; i < taken; ++i) drop_first_waiting();
  for (std::size_t i = taken; i < count; ++i) static_cast<Slot*>(scratch_[i])->transfer = nullptr;
  under_way_ -= count - taken;
  if (taken != 0) stalls_ = 0;
  if (result < 0) refuse(Refusal::from_os(result, "submit to the I/O queue"));
}

void Channel::take(std::size_t wait_for) noexcept {
  if (under_way_ == 0) {
    if (first_waiting_ != nullptr) stall();
    return;
  }
  const std::int64_t result = queue_->reap(scratch_, std::min(wait_for, under_way_));
  if (result < 0) {
    break_off(Refusal::from_os(result, "reap from the I/O queue"));
    return;
  }
  const auto count = std::min(static_cast<std::size_t>(result), scratch_.size());
  if (count != 0) {
    stalls_ = 0;
  } else if (wait_for != 0) {
    stall();
  }
  for (std::size_t i = 0; i < count && queue_ != nullptr; ++i) complete(scratch_[i]);
}

// Trusts the pointer only once it is known to be the address of a slot under way.
void Channel::complete(Request* request) noexcept {
  const Request* const first = slots_.data();
  const auto distance =
      reinterpret_cast<std::uintptr_t>(request) - reinterpret_cast<std::uintptr_t>(first);
  const std::size_t index = distance / sizeof(Slot);
  if (distance % sizeof(Slot) != 0 || index >= slots_.size() || slots_[index].transfer == nullptr) {
    break_off({ErrorCode::io, 0, "completion of a request that is not under way"});
    return;
  }
  Slot& slot = slots_[index];
  Transfer& transfer = *std::exchange(slot.transfer, nullptr);
  --under_way_;
  transfer.absorb(slot.result, slot.asked);
  if (transfer.done()) return;
  append_waiting(transfer);
  if (refusal_) refuse(*refusal_);
}

// Only called when there is one.
Channel::Slot& Channel::free_slot() noexcept {
  do {
    next_slot_ = (next_slot_ + 1) % slots_.size();
  } while (slots_[next_slot_].transfer != nullptr);
  return slots_[next_slot_];
}

void Channel::stall() noexcept {
  if (++stalls_ >= kMaxStalls) break_off(Refusal::from_os(-EAGAIN, "the I/O queue moves nothing"));
}

// Fails what waits, now and from now on; what is under way still completes.
void Channel::refuse(const Refusal& refusal) noexcept {
  if (!refusal_) refusal_ = refusal;
  while (first_waiting_ != nullptr) {
    Transfer& transfer = *first_waiting_;
    drop_first_waiting();
    transfer.fail({refusal_->code, refusal_->what, refusal_->os_error});
  }
}

// Closing the queue waits for what is under way, so the buffers are free when the transfers end.
void Channel::break_off(const Refusal& refusal) noexcept {
  queue_.reset();
  refuse(refusal);
  for (Slot& slot : slots_) {
    if (slot.transfer == nullptr) continue;
    Transfer& transfer = *std::exchange(slot.transfer, nullptr);
    transfer.fail({refusal.code, refusal.what, refusal.os_error});
  }
  under_way_ = 0;
}

}  // namespace siltstone::io
