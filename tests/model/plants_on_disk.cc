// What lies on the disk when the engine looks: frames that are changed, with the checksums of what
// they hold then.
#include <algorithm>
#include <limits>
#include <span>
#include <string>

#include "base/coding.h"
#include "base/crc32c.h"
#include "model/plants.h"
#include "wal/record.h"
#include "wal/tail.h"
#include "wal/wal_format.h"

namespace siltstone::model {
namespace {

enum class Change : std::uint8_t { bless_torn, adopt_stale, forget_expiries };

/// Moves the expiries in the entries of a record to the end of all days.
void move_expiries(std::span<std::byte> entries) {
  const std::string_view text = base::as_text(entries);
  wal::EntryReader reader(text);
  for (wal::Entry entry; reader.next(entry);) {
    if (entry.kind != wal::EntryKind::value_with_expiry) continue;
    const auto behind = static_cast<std::size_t>(entry.key.data() - text.data());
    const auto never = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    base::store_le(entries.subspan(behind - sizeof never).first<sizeof never>(), never);
  }
}

/// Changes the records of an uncompressed payload, and gives them the checksums of what they hold
/// then. False when they cannot be told apart.
bool change_records(std::span<std::byte> payload, wal::RingPlace place, Change change) {
  while (!payload.empty()) {
    if (payload.size() < wal::kRecordHeaderBytes) return false;
    const std::uint64_t size = wal::record_size(payload.first<wal::kRecordHeaderBytes>());
    if (size < wal::kRecordHeaderBytes || size > payload.size()) return false;
    base::Reader in(payload.subspan(8));
    const base::Sequence first(in.u64());
    const std::uint32_t count = in.u32();
    if (count == 0) return false;  // torn in the middle of its header
    const auto entries = payload.subspan(wal::kRecordHeaderBytes, size - wal::kRecordHeaderBytes);
    if (change == Change::forget_expiries) move_expiries(entries);
    const auto record = wal::encode_record(place, first, count, base::as_text(entries));
    std::ranges::copy(record.header, payload.begin());
    place.position += size;
    payload = payload.subspan(size);
  }
  return true;
}

/// The same for the frame at `offset`; its extent, or 0 when there is no frame header.
std::uint64_t change_frame(support::SimStorage& storage, const std::string& path,
                           std::span<std::byte> segment, std::uint64_t nonce, std::uint64_t offset,
                           Change change) {
  if (segment.size() - offset < wal::kBlockBytes) return 0;
  const auto header_bytes =
      segment.subspan(static_cast<std::size_t>(offset)).first<wal::kFrameHeaderBytes>();
  const auto decoded = wal::decode_frame_header(header_bytes, nonce, offset);
  wal::FrameHeader header = decoded.header;
  const std::uint64_t extent = wal::frame_extent(header.stored_bytes);
  if (decoded.state != wal::FrameState::valid || extent > segment.size() - offset) return 0;
  const auto payload = segment.subspan(static_cast<std::size_t>(offset) + wal::kFrameHeaderBytes,
                                       header.stored_bytes);
  const bool is_torn =
      wal::frame_payload_checksum(payload, nonce, offset) != header.payload_checksum;
  const bool is_wanted =
      change == Change::bless_torn ? is_torn : change == Change::forget_expiries && !is_torn;
  if (!is_wanted || header.kind != wal::FrameKind::records || header.codec != base::Codec::none) {
    return extent;
  }
  const std::uint64_t behind = header.ring.position.value();
  const wal::RingPlace place{header.ring.session, base::RingPosition(behind - payload.size())};
  if (!change_records(payload, place, change)) return extent;
  header.payload_checksum = wal::frame_payload_checksum(payload, nonce, offset);
  wal::encode(header, nonce, offset, header_bytes);
  storage.corrupt(path, offset, header_bytes);
  storage.corrupt(path, offset + wal::kFrameHeaderBytes, payload);
  return extent;
}

/// Where the frames end: makes a whole frame of another segment or place, as its records prove that
/// it is, one of this place.
void adopt_frame(support::SimStorage& storage, const std::string& path,
                 std::span<std::byte> segment, std::uint64_t nonce, std::uint64_t offset) {
  if (offset >= segment.size() || segment.size() - offset < wal::kBlockBytes) return;
  const auto at = segment.subspan(static_cast<std::size_t>(offset));
  const auto header_bytes = at.first<wal::kFrameHeaderBytes>();
  const auto foreign = wal::decode_frame_header(header_bytes, nonce, offset);
  if (foreign.state != wal::FrameState::bad_checksum) return;
  base::Writer(header_bytes.subspan(4)).u32(foreign.expected_checksum);
  wal::FrameHeader header = wal::decode_frame_header(header_bytes, nonce, offset).header;
  const std::uint64_t size = header.stored_bytes;
  if (header.kind != wal::FrameKind::records || header.codec != base::Codec::none ||
      size > at.size() - wal::kFrameHeaderBytes || header.ring.position.value() < size) {
    return;
  }
  const base::Bytes payload = at.subspan(wal::kFrameHeaderBytes, size);
  wal::RingPlace place = header.ring;
  place.position = base::RingPosition(place.position.value() - size);
  for (base::Bytes rest = payload; !rest.empty();) {
    if (!wal::next_record(rest, place)) return;
  }
  header.payload_checksum = wal::frame_payload_checksum(payload, nonce, offset);
  wal::encode(header, nonce, offset, header_bytes);
  storage.corrupt(path, offset, header_bytes);
}

void change_frames(support::SimStorage& storage, std::string_view dir, Change change) {
  const std::string slots = std::string(dir) + "/wal/";
  for (const auto& [path, size] : storage.tree()) {
    if (!path.starts_with(slots) || path.ends_with(".new")) continue;
    support::Bytes segment = storage.contents(path);
    if (segment.size() < wal::kFirstFrameOffset) continue;
    const auto header =
        wal::decode_segment_header(std::span(segment).first(wal::kBlockBytes), /*read_only=*/true);
    if (header.state != wal::HeaderState::valid) continue;
    std::uint64_t offset = wal::kFirstFrameOffset;
    while (const std::uint64_t extent =
               change_frame(storage, path, segment, header.header.nonce, offset, change)) {
      offset += extent;
    }
    if (change == Change::adopt_stale) {
      adopt_frame(storage, path, segment, header.header.nonce, offset);
    }
  }
}

}  // namespace

void bless_torn_frames(support::SimStorage& storage, std::string_view dir) {
  change_frames(storage, dir, Change::bless_torn);
}

void bless_stale_frames(support::SimStorage& storage, std::string_view dir) {
  change_frames(storage, dir, Change::adopt_stale);
}

void forget_expiries(support::SimStorage& storage, std::string_view dir) {
  change_frames(storage, dir, Change::forget_expiries);
}

}  // namespace siltstone::model
