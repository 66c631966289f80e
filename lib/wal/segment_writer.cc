// Copies records into frames, compresses and writes them.
#include "wal/segment_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

// What goes out in one write at most: two of the largest frames.
constexpr std::size_t kBatchBytes = 2 * kMaxFrameBytes;

std::unexpected<Error> changed_in_memory(const io::File& file, const Error& what) noexcept {
  return std::unexpected(
      base::fail(ErrorCode::corruption, "a record changed in memory before it was written")
          .path(file.path())
          .mismatch(what.expected(), what.actual())
          .build());
}

base::AlignedBuffer allocate(std::size_t bytes) {
  auto buffer = base::AlignedBuffer::allocate(bytes);
  if (!buffer) throw std::bad_alloc();
  return *std::move(buffer);
}

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<io::Channel> channel, std::unique_ptr<io::File> file,
                             const WriterStart& start, base::Codec codec)
    : channel_(std::move(channel)),
      file_(std::move(file)),
      header_(start.header),
      codec_(codec),
      frames_(start.header.nonce, start.end, kBatchBytes),
      compressed_(allocate(base::max_compressed_size(codec, kMaxRawBytes))),
      durable_end_(start.end),
      next_(start.next),
      ring_(start.ring) {}

Result<void> SegmentWriter::drain(const RecordRange& records) noexcept {
  if (failure_) return std::unexpected(*failure_);
  begin_drain();
  if (auto added = add_all(records); !added) return end_drain(added);
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

// Should the header be durable although this fails, nothing is lost: it names the end of what was
// drained, and nothing is written behind that any more.
Result<void> SegmentWriter::roll(NextSegment next) noexcept {
  if (failure_) return std::unexpected(*failure_);
  SegmentHeader header = header_;
  header.id = header_.id.next();
  header.nonce = next.nonce;
  header.predecessor = end();
  header.first = next_;
  header.ring = ring_;
  encode_copies(header, next.headers.bytes().first<kFirstFrameOffset>());
  file_ = std::move(next.file);
  Result<void> begun = write(0, next.headers.bytes());
  if (begun && !file_->direct()) begun = channel_->sync(*file_);
  if (!begun) {
    failure_ = begun.error();
    return begun;
  }
  header_ = header;
  frames_.restart(header.nonce, kFirstFrameOffset);
  durable_end_ = kFirstFrameOffset;
  return {};
}

// Two neighbouring frames hold more than a full one.
std::uint64_t SegmentWriter::max_frame_bytes(std::uint64_t record_bytes) noexcept {
  const std::uint64_t frames = 2 * (record_bytes / kFrameTargetBytes) + 2;
  return record_bytes + frames * (kFrameHeaderBytes + kBlockBytes);
}

Result<void> SegmentWriter::add_all(const RecordRange& records) noexcept {
  for (std::size_t offset = 0; offset < records.size();) {
    const std::size_t left = records.size() - offset;
    std::array<std::byte, kRecordHeaderBytes> header{};
    std::uint64_t size = left + 1;
    if (left >= header.size()) {
      records.copy(offset, header);
      size = record_size(header);
    }
    if (size > left) {
      return changed_in_memory(*file_, base::fail(ErrorCode::corruption, "").mismatch(left, size));
    }
    const RecordRange record = records.part(offset, static_cast<std::size_t>(size));
    SILT_TRY(record.size() > kMaxRawBytes ? add_large(record) : add(record));
    offset += record.size();
  }
  close_frame();
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

Result<void> SegmentWriter::add(const RecordRange& record) noexcept {
  FrameHeader& frame = progress_.frame;
  const std::size_t full = std::min(kFrameTargetBytes, frames_.payload().size());
  if (frame.raw_bytes != 0 && frame.raw_bytes + record.size() > full) close_frame();
  if (frame.raw_bytes == 0) {
    SILT_TRY(make_room(record.size()));
    frame = frame_header(FrameKind::records);
  }
  const auto copy = frames_.payload().subspan(frame.raw_bytes, record.size());
  record.copy(0, copy);
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
Result<void> SegmentWriter::add_large(const RecordRange& record) noexcept {
  close_frame();
  const std::size_t size = record.size();
  std::array<std::byte, kRecordHeaderBytes> header{};
  record.copy(0, header);
  const auto head = decode_record_header(header);
  if (!head) return changed_in_memory(*file_, head.error());
  SILT_CHECK(head->first >= progress_.next);

  RecordChecksum checksum(progress_.ring);
  for (std::size_t offset = 0; offset < size;) {
    const std::size_t bytes = std::min(kMaxRawBytes, size - offset);
    SILT_TRY(make_room(bytes));
    const auto copy = frames_.payload().first(bytes);
    record.copy(offset, copy);
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

Result<void> SegmentWriter::write(std::uint64_t offset, base::Bytes bytes) noexcept {
  const auto durability = file_->direct() ? io::Durability::durable : io::Durability::none;
  return channel_->write_all(*file_, offset, bytes, durability);
}

Result<void> SegmentWriter::write_frames() noexcept {
  SILT_TRY(write(frames_.begin(), frames_.bytes()));
  frames_.clear();
  return {};
}

// A direct write says itself that it is durable; for a buffered one only a sync can.
// Neither is to be believed when XFS shuts itself down meanwhile: what a longer file needs is then
// dropped from its log, so that nothing is left to wait for, and all seems well. But by then it is
// shut down, and fails whatever is asked next.
Result<void> SegmentWriter::finish() noexcept {
  if (frames_.end() == durable_end_) return {};
  SILT_TRY(write_frames());
  if (!file_->direct()) SILT_TRY(channel_->sync(*file_));
  SILT_TRY(file_->info());
  return {};
}

}  // namespace siltstone::wal
