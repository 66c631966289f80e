// Copies records into frames, compresses and writes them.
#include "wal/segment_writer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

// What a writer can drain in one write: without asking for memory, and at most.
constexpr std::size_t kSmallBatchBytes = std::size_t{64} << 10;
constexpr std::size_t kLargeBatchBytes = 2 * kMaxFrameBytes;

/// Copies bytes [offset, offset + out.size()) of a record, header and entries as one.
void copy_part(const EncodedRecord& record, std::size_t offset, base::MutableBytes out) noexcept {
  if (offset < kRecordHeaderBytes) {
    const std::size_t count = std::min(out.size(), kRecordHeaderBytes - offset);
    std::memcpy(out.data(), record.header.data() + offset, count);
    out = out.subspan(count);
    offset += count;
  }
  if (!out.empty()) {
    std::memcpy(out.data(), record.entries.data() + (offset - kRecordHeaderBytes), out.size());
  }
}

std::unexpected<Error> changed_in_memory(const io::File& file, const Error& what) noexcept {
  return std::unexpected(
      base::fail(ErrorCode::corruption, "a record changed in memory before it was written")
          .path(file.path())
          .mismatch(what.expected(), what.actual())
          .build());
}

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<io::Channel> channel, std::unique_ptr<io::File> file,
                             const WriterStart& start, base::Codec codec)
    : channel_(std::move(channel)),
      file_(std::move(file)),
      header_(start.header),
      codec_(codec),
      frames_(start.header.nonce, start.end, kSmallBatchBytes),
      durable_end_(start.end),
      next_(start.next),
      ring_(start.ring) {}

Result<void> SegmentWriter::drain(std::span<const EncodedRecord> records) noexcept {
  if (failure_) return std::unexpected(*failure_);
  SILT_TRY(take_memory(records));
  begin_drain();
  for (const EncodedRecord& record : records) {
    const bool is_large = record.size() > kMaxRawBytes;
    if (auto added = is_large ? add_large(record) : add(record); !added) return end_drain(added);
  }
  close_frame();
  return end_drain(finish());
}

Result<void> SegmentWriter::mark(bool clean_end) noexcept {
  if (failure_) return std::unexpected(*failure_);
  begin_drain();
  FrameHeader header = frame_header(FrameKind::mark);
  header.flags = clean_end ? kCleanEnd : 0;
  frames_.seal(header);
  auto outcome = end_drain(finish());
  if (outcome && clean_end) {
    failure_ = base::fail(ErrorCode::closed, "the log was closed").path(file_->path());
  }
  return outcome;
}

// Before anything is begun, so that running out of memory changes nothing.
Result<void> SegmentWriter::take_memory(std::span<const EncodedRecord> records) noexcept {
  std::size_t total = 0;
  for (const EncodedRecord& record : records) total += record.size();
  // Two neighbouring frames hold more than a full one, so this is more than all of them take.
  const std::size_t frames = 2 * (total / kFrameTargetBytes) + 2;
  const std::size_t needed = total + frames * (kFrameHeaderBytes + kBlockBytes);
  try {
    frames_.require(std::min(needed / kBlockBytes * kBlockBytes, kLargeBatchBytes));
    compressed_.require(base::max_compressed_size(codec_, std::min(total, kMaxRawBytes)));
  } catch (const std::bad_alloc&) {
    return base::fail(ErrorCode::out_of_memory, "memory for the frames of a drain");
  }
  return {};
}

void SegmentWriter::begin_drain() noexcept { progress_ = {next_, ring_, {}}; }

Result<void> SegmentWriter::end_drain(Result<void> outcome) noexcept {
  if (!outcome) {
    failure_ = outcome.error();
    return outcome;
  }
  durable_end_ = frames_.end();
  next_ = progress_.next;
  ring_ = progress_.ring;
  return outcome;
}

FrameHeader SegmentWriter::frame_header(FrameKind kind) const noexcept {
  FrameHeader header;
  header.kind = kind;
  header.first = progress_.next;
  header.watermark = end();
  header.ring = progress_.ring;
  header.catalog = header_.catalog;
  return header;
}

Result<void> SegmentWriter::add(const EncodedRecord& record) noexcept {
  FrameHeader& frame = progress_.frame;
  const std::size_t full = std::min(kFrameTargetBytes, frames_.payload().size());
  if (frame.raw_bytes != 0 && frame.raw_bytes + record.size() > full) close_frame();
  if (frame.raw_bytes == 0) {
    SILT_TRY(make_room(record.size()));
    frame = frame_header(FrameKind::records);
  }
  const auto copy = frames_.payload().subspan(frame.raw_bytes, record.size());
  copy_part(record, 0, copy);
  const auto checked = decode_record(copy, progress_.ring);
  if (!checked) return changed_in_memory(*file_, checked.error());
  SILT_CHECK(checked->first >= progress_.next);

  if (frame.records == 0) frame.first = checked->first;
  frame.raw_bytes += static_cast<std::uint32_t>(record.size());
  frame.records += 1;
  frame.operations += checked->count;
  progress_.ring.position += record.size();
  progress_.next = checked->last() + 1;
  frame.ring = progress_.ring;
  return {};
}

// Its first pieces may be written before all were checked; without the last one they do not count.
Result<void> SegmentWriter::add_large(const EncodedRecord& record) noexcept {
  close_frame();
  const std::size_t size = record.size();
  const auto head = decode_record_header(record.header);
  if (!head) return changed_in_memory(*file_, head.error());
  SILT_CHECK(head->first >= progress_.next);
  SILT_CHECK(head->length == record.entries.size());

  RecordChecksum checksum(progress_.ring);
  for (std::size_t offset = 0; offset < size;) {
    const std::size_t bytes = std::min(kMaxRawBytes, size - offset);
    SILT_TRY(make_room(bytes));
    const auto copy = frames_.payload().first(bytes);
    copy_part(record, offset, copy);
    checksum.add(copy);

    const bool is_begin = offset == 0;
    offset += bytes;
    const bool is_end = offset == size;
    if (is_end && checksum.value() != head->checksum) {
      return changed_in_memory(
          *file_, base::fail(ErrorCode::corruption, "").mismatch(checksum.value(), head->checksum));
    }
    if (is_end) progress_.ring.position += size;
    FrameHeader frame = frame_header(is_begin ? FrameKind::large_begin
                                     : is_end ? FrameKind::large_end
                                              : FrameKind::large_middle);
    frame.first = head->first;
    frame.raw_bytes = static_cast<std::uint32_t>(bytes);
    frame.records = is_begin ? 1 : 0;
    frame.operations = is_begin ? head->count : 0;
    seal(frame);
  }
  progress_.next = head->first + head->count;
  return {};
}

Result<void> SegmentWriter::make_room(std::size_t payload_bytes) noexcept {
  if (frames_.payload().size() >= payload_bytes) return {};
  return write_frames();
}

void SegmentWriter::close_frame() noexcept {
  if (progress_.frame.raw_bytes != 0) seal(progress_.frame);
  progress_.frame = {};
}

// A payload that fits into one block gains nothing from being smaller.
void SegmentWriter::seal(FrameHeader header) noexcept {
  const auto raw = frames_.payload().first(header.raw_bytes);
  header.stored_bytes = header.raw_bytes;
  if (frame_extent(header.raw_bytes) > kBlockBytes) {
    // Without memory for the codec's tables the frame is stored as it is.
    const auto size = base::compress(codec_, raw, compressed_.bytes());
    if (size && *size) {
      std::memcpy(raw.data(), compressed_.bytes().data(), **size);
      header.codec = codec_;
      header.stored_bytes = static_cast<std::uint32_t>(**size);
    }
  }
  frames_.seal(header);
}

Result<void> SegmentWriter::write_frames() noexcept {
  const auto durability = file_->direct() ? io::Durability::durable : io::Durability::none;
  SILT_TRY(channel_->write_all(*file_, frames_.begin(), frames_.bytes(), durability));
  frames_.clear();
  return {};
}

// A direct write says itself that it is durable; for a buffered one only a sync can.
Result<void> SegmentWriter::finish() noexcept {
  if (frames_.end() == durable_end_) return {};
  SILT_TRY(write_frames());
  return file_->direct() ? Result<void>() : channel_->sync(*file_);
}

}  // namespace siltstone::wal
