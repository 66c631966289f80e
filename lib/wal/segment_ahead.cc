// One step of zeros, or one slot, at a time.
#include "wal/segment_ahead.h"

#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "wal/slots.h"

namespace siltstone::wal {
namespace {

constexpr std::uint64_t kMostAheadBytes = std::uint64_t{4} << 20;

}  // namespace

Result<std::unique_ptr<SegmentAhead>> SegmentAhead::make(io::Storage& storage, io::Entropy& entropy,
                                                         std::unique_ptr<io::Directory> wal,
                                                         const SegmentSizes& sizes,
                                                         std::vector<std::string> unused) {
  auto channel = std::make_unique<io::Channel>(SILT_TRY(storage.make_queue(1)));
  auto zeros = SILT_TRY(base::AlignedBuffer::allocate(kStepBytes));
  return std::make_unique<SegmentAhead>(std::move(channel), entropy, std::move(wal), sizes,
                                        std::move(unused), std::move(zeros));
}

SegmentAhead::SegmentAhead(std::unique_ptr<io::Channel> channel, io::Entropy& entropy,
                           std::unique_ptr<io::Directory> wal, const SegmentSizes& sizes,
                           std::vector<std::string> unused, base::AlignedBuffer zeros) noexcept
    : channel_(std::move(channel)),
      entropy_(entropy),
      wal_(std::move(wal)),
      sizes_(sizes),
      unused_(std::move(unused)),
      zeros_(std::move(zeros)) {}

std::uint64_t SegmentAhead::goal(std::uint64_t frames_end, std::uint64_t segment_bytes) noexcept {
  const std::uint64_t ahead = std::clamp<std::uint64_t>(frames_end, kStepBytes, kMostAheadBytes);
  return std::min(frames_end + ahead, std::max(frames_end, segment_bytes));
}

Result<void> SegmentAhead::write_zeros(io::File& file, std::uint64_t offset) noexcept {
  return channel_->write_all(file, offset, base::Bytes(zeros_.bytes()), io::Durability::durable);
}

Result<std::optional<NextSegment>> SegmentAhead::prepare() {
  const SlotNames names = SILT_TRY(list_slots(*wal_));
  const std::string name = fmt::format("{}", names.free_number);
  if (!unused_.empty()) {
    const std::string old_name = std::move(unused_.back());
    unused_.pop_back();
    auto taken = SILT_TRY(take_slot(old_name, name));
    return SILT_TRY(ready(std::move(taken), names.slots - 1));
  }
  if (names.slots >= kMaxSlots) return std::nullopt;
  auto file = make_slot(name);
  if (!file) {
    // What is left of it is in nobody's way: the next open removes it, or takes it.
    static_cast<void>(wal_->remove(name + ".new"));
    return std::unexpected(file.error());
  }
  return SILT_TRY(ready(*std::move(file), names.slots));
}

// Under a new name: that the old one is there does not make it durable. The sync of the directory
// may have failed when it was given, and none that follows makes up for that.
Result<std::unique_ptr<io::File>> SegmentAhead::take_slot(const std::string& old_name,
                                                          const std::string& name) {
  SILT_TRY(wal_->rename(old_name, name));
  SILT_TRY(wal_->sync());
  return open_slot(*wal_, name, {.access = io::Access::read_write, .direct = true});
}

Result<std::unique_ptr<io::File>> SegmentAhead::make_slot(const std::string& name) {
  const std::string unfinished = name + ".new";
  auto file = SILT_TRY(open_slot(
      *wal_, unfinished,
      {.access = io::Access::read_write, .create = true, .exclusive = true, .direct = true}));
  SILT_TRY(channel_->write_all(*file, 0, base::Bytes(zeros_.bytes())));
  SILT_TRY(channel_->sync(*file));
  SILT_TRY(wal_->rename(unfinished, name));
  SILT_TRY(wal_->sync());
  return file;
}

Result<NextSegment> SegmentAhead::ready(std::unique_ptr<io::File> file, std::size_t other_slots) {
  NextSegment next;
  next.zeros_end = SILT_TRY(file->info()).size_bytes / kBlockBytes * kBlockBytes;
  next.file = std::move(file);
  next.headers.require(kFirstFrameOffset);
  next.size_bytes = sizes_.of(other_slots);
  entropy_.fill(std::as_writable_bytes(std::span(&next.nonce, 1)));
  return next;
}

}  // namespace siltstone::wal
