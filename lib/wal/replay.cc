// Checks frames against what came before them, and hands out their records.
#include "wal/replay.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"
#include "wal/wal_scanner.h"

namespace siltstone::wal {
namespace {

Error corrupt(const char* what) noexcept { return base::fail(ErrorCode::corruption, what); }

}  // namespace

bool Replay::continues(RingPlace start) const noexcept {
  return start == ring_ ||
         (start.session != ring_.session && start.position == base::RingPosition{});
}

Result<void> Replay::begin_segment(const SegmentHeader& header) {
  if (header.first < next_) {
    return base::fail(ErrorCode::corruption, "a segment's sequences run backwards")
        .mismatch(next_.value(), header.first.value());
  }
  if (!continues(header.ring)) {
    return std::unexpected(corrupt("a segment does not continue the records before it"));
  }
  next_ = header.first;
  ring_ = header.ring;
  return {};
}

Result<void> Replay::check(const FrameHeader& header, base::Bytes raw) {
  found_.clear();
  if (header.first < next_) {
    return base::fail(ErrorCode::corruption, "a frame's sequences run backwards")
        .mismatch(next_.value(), header.first.value());
  }
  const bool is_rest =
      header.kind == FrameKind::large_middle || header.kind == FrameKind::large_end;
  if (is_rest != unfinished()) {
    return std::unexpected(corrupt("the frames of a large record are out of order"));
  }
  switch (header.kind) {
    case FrameKind::records: return check_records(header, raw);
    case FrameKind::mark:
      if (continues(header.ring)) return {};
      return std::unexpected(corrupt("a mark does not continue the records before it"));
    case FrameKind::large_begin: return check_large_begin(header, raw);
    case FrameKind::large_middle:
    case FrameKind::large_end: return check_large_rest(header, raw);
    case FrameKind::none: break;
  }
  return base::broken_invariant(SILT_PLACE(false));
}

Result<void> Replay::check_record(base::Bytes bytes, RingPlace place, base::Sequence floor) {
  const Record record = SILT_TRY(decode_record(bytes, place));
  if (record.first < floor) {
    return base::fail(ErrorCode::corruption, "a record's sequences run backwards")
        .mismatch(floor.value(), record.first.value());
  }
  SILT_TRY(check_entries(record));
  found_.push_back(record);
  return {};
}

Result<void> Replay::check_records(const FrameHeader& header, base::Bytes raw) {
  RingPlace place = header.ring;
  if (place.position.value() < raw.size()) {
    return std::unexpected(corrupt("a frame holds more than its ring position says"));
  }
  place.position = base::RingPosition{place.position.value() - raw.size()};
  if (!continues(place)) {
    return std::unexpected(corrupt("a frame does not continue the records before it"));
  }
  base::Sequence floor = header.first;
  std::uint64_t operations = 0;
  while (!raw.empty()) {
    if (raw.size() < kRecordHeaderBytes) return std::unexpected(corrupt("a record is cut off"));
    const std::uint64_t size = record_size(raw.first<kRecordHeaderBytes>());
    if (size > raw.size()) {
      return base::fail(ErrorCode::corruption, "a record is longer than its frame")
          .mismatch(raw.size(), size);
    }
    SILT_TRY(check_record(raw.first(static_cast<std::size_t>(size)), place, floor));
    floor = found_.back().last() + 1;
    operations += found_.back().count;
    place.position += size;
    raw = raw.subspan(static_cast<std::size_t>(size));
  }
  if (found_.size() != header.records || operations != header.operations ||
      found_.front().first != header.first) {
    return std::unexpected(corrupt("a frame's header does not describe its records"));
  }
  return {};
}

Result<void> Replay::check_large_begin(const FrameHeader& header, base::Bytes raw) {
  if (!continues(header.ring)) {
    return std::unexpected(corrupt("a frame does not continue the records before it"));
  }
  const bool is_whole = raw.size() == kMaxRawBytes;
  const std::uint64_t size = is_whole ? record_size(raw.first<kRecordHeaderBytes>()) : 0;
  if (size <= kMaxRawBytes || size > kMaxRecordBytes) {
    return std::unexpected(corrupt("the size of a large record is out of range"));
  }
  return {};
}

Result<void> Replay::check_large_rest(const FrameHeader& header, base::Bytes raw) {
  const bool is_end = header.kind == FrameKind::large_end;
  const auto start = base::as_bytes(large_).first<kRecordHeaderBytes>();
  const std::uint64_t size = record_size(start);
  const std::uint64_t missing = size - large_.size();  // the size was checked at the beginning
  const bool fits =
      is_end ? raw.size() == missing : raw.size() == kMaxRawBytes && raw.size() < missing;
  RingPlace place = large_begin_.ring;
  if (is_end) place.position += size;
  if (!fits || header.ring != place || header.first != large_begin_.first) {
    return std::unexpected(corrupt("a piece of a large record is of another one"));
  }
  if (!is_end) return {};

  // The whole record is needed in one place; if it is not valid, the pieces are as they were.
  const std::size_t before = large_.size();
  large_ += base::as_text(raw);
  auto checked = check_record(base::as_bytes(large_), large_begin_.ring, header.first);
  if (checked &&
      (found_.front().first != header.first || found_.front().count != large_begin_.operations)) {
    checked = std::unexpected(corrupt("a frame's header does not describe its record"));
  }
  if (!checked) large_.resize(before);
  return checked;
}

Result<void> Replay::accept(const FrameHeader& header, base::Bytes raw) {
  if (header.kind == FrameKind::large_begin || header.kind == FrameKind::large_middle) {
    if (header.kind == FrameKind::large_begin) large_begin_ = header;
    large_ += base::as_text(raw);
    return {};
  }
  SILT_TRY(sink_.records(found_));
  for (const Record& record : found_) operation_count_ += record.count;
  record_count_ += found_.size();
  next_ = found_.empty() ? header.first : found_.back().last() + 1;
  ring_ = header.ring;
  large_.clear();
  return {};
}

}  // namespace siltstone::wal
