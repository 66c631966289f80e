// Codec of segment and frame headers.
#include "wal/wal_format.h"

#include <algorithm>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/record.h"

namespace siltstone::wal {
namespace {

constexpr std::string_view kSegmentMagic = "SILTWAL\n";
constexpr std::uint32_t kFrameMagic = 0x4d524653;  // "SFRM"

// What the checksum of a header covers begins behind it.
constexpr std::size_t kSegmentChecksumOffset = 8;
constexpr std::size_t kSegmentCoveredOffset = 12;
constexpr std::size_t kFrameChecksumOffset = 4;
constexpr std::size_t kFrameCoveredOffset = 8;

bool is_zero(base::Bytes bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

std::uint32_t segment_header_checksum(base::Bytes header) noexcept {
  const base::Bytes covered = header.first(kSegmentHeaderBytes).subspan(kSegmentCoveredOffset);
  return base::seal_crc32c(base::crc32c(0, covered));
}

std::uint32_t seeded_checksum(base::Bytes bytes, std::uint64_t nonce,
                              std::uint64_t offset) noexcept {
  return base::seal_crc32c(base::crc32c(base::crc32c_seed(nonce, offset), bytes));
}

void put_checksum(base::MutableBytes header, std::size_t offset, std::uint32_t checksum) noexcept {
  base::Writer(header.subspan(offset, sizeof checksum)).u32(checksum);
}

RingPlace read_ring_place(base::Reader& reader) noexcept {
  const base::SessionId session{reader.u64()};
  return {session, base::RingPosition{reader.u64()}};
}

LogPlace read_log_place(base::Reader& reader) noexcept {
  const base::SegmentId segment{reader.u64()};
  return {segment, reader.u64()};
}

// Predecessors are older, so that following them comes to an end. The last id of all is not given:
// it would leave none for the segment of the next open.
bool in_bounds(const SegmentHeader& header) noexcept {
  const LogPlace& before = header.predecessor;
  const bool is_first = before.segment == base::SegmentId{};
  return header.id > before.segment && header.id.next() > header.id &&
         header.first >= base::Sequence{1} && header.first <= base::kMaxSequence + 1 &&
         before.offset % kBlockBytes == 0 &&
         (is_first ? before.offset == 0 : before.offset >= kFirstFrameOffset);
}

bool is_known(const FrameHeader& header) noexcept {
  return header.kind >= FrameKind::records && header.kind <= FrameKind::large_end &&
         header.codec <= base::Codec::snappy && (header.flags & ~kCleanEnd) == 0;
}

bool counts_agree(const FrameHeader& header) noexcept {
  switch (header.kind) {
    case FrameKind::records:
      return header.records >= 1 && header.records <= header.raw_bytes / kRecordHeaderBytes &&
             header.operations >= header.records;
    case FrameKind::large_begin: return header.records == 1 && header.operations >= 1;
    default: return header.records == 0 && header.operations == 0;
  }
}

bool in_bounds(const FrameHeader& header) noexcept {
  const bool is_mark = header.kind == FrameKind::mark;
  // A payload is compressed only where that makes it smaller.
  const bool sizes_agree = header.codec == base::Codec::none
                               ? header.stored_bytes == header.raw_bytes
                               : header.stored_bytes < header.raw_bytes;
  return sizes_agree && header.raw_bytes <= kMaxRawBytes && is_mark == (header.raw_bytes == 0) &&
         (is_mark || header.flags == 0) && counts_agree(header) &&
         header.first >= base::Sequence{1} && header.first <= base::kMaxSequence + 1;
}

}  // namespace

void encode(const SegmentHeader& header, std::span<std::byte, kSegmentHeaderBytes> out) noexcept {
  std::ranges::fill(out, std::byte{0});
  base::Writer writer(out);
  writer.bytes(base::as_bytes(kSegmentMagic));
  writer.u32(0);  // the checksum
  writer.u32(kFormatVersion);
  writer.u64(0);  // required features
  writer.u64(0);  // compatible features
  writer.bytes(header.store.bytes);
  writer.u64(header.id.value());
  writer.u64(header.nonce);
  writer.u64(header.predecessor.segment.value());
  writer.u64(header.predecessor.offset);
  writer.u64(header.first.value());
  writer.u64(header.ring.session.value());
  writer.u64(header.ring.position.value());
  writer.u64(header.catalog.value());
  put_checksum(out, kSegmentChecksumOffset, segment_header_checksum(out));
}

void encode_copies(const SegmentHeader& header,
                   std::span<std::byte, kFirstFrameOffset> out) noexcept {
  std::ranges::fill(out, std::byte{0});
  encode(header, out.first<kSegmentHeaderBytes>());
  encode(header, out.subspan<kBlockBytes, kSegmentHeaderBytes>());
}

DecodedSegmentHeader decode_segment_header(base::Bytes block, bool read_only) noexcept {
  DecodedSegmentHeader result;
  if (block.size() < kSegmentHeaderBytes) return result;
  const base::Bytes bytes = block.first(kSegmentHeaderBytes);
  if (is_zero(bytes)) {
    result.state = HeaderState::zero;
    return result;
  }
  base::Reader reader(bytes);
  if (base::as_text(reader.bytes(kSegmentMagic.size())) != kSegmentMagic) return result;
  result.state = HeaderState::bad_checksum;
  result.actual_checksum = reader.u32();
  result.expected_checksum = segment_header_checksum(bytes);
  if (result.actual_checksum != result.expected_checksum) return result;

  result.version = reader.u32();
  result.state = HeaderState::newer_version;
  if (result.version != kFormatVersion) return result;
  const std::uint64_t required = reader.u64() & ~kKnownRequiredFeatures;
  const std::uint64_t compatible = reader.u64() & ~kKnownCompatibleFeatures;
  result.features = required | (read_only ? 0 : compatible);
  result.state = HeaderState::unknown_feature;
  if (result.features != 0) return result;

  SegmentHeader& header = result.header;
  std::ranges::copy(reader.bytes(header.store.bytes.size()), header.store.bytes.begin());
  header.id = base::SegmentId{reader.u64()};
  header.nonce = reader.u64();
  header.predecessor = read_log_place(reader);
  header.first = base::Sequence{reader.u64()};
  header.ring = read_ring_place(reader);
  header.catalog = base::Generation{reader.u64()};
  result.state = in_bounds(header) ? HeaderState::valid : HeaderState::bad_field;
  return result;
}

void encode(const FrameHeader& header, std::uint64_t nonce, std::uint64_t offset,
            std::span<std::byte, kFrameHeaderBytes> out) noexcept {
  std::ranges::fill(out, std::byte{0});
  base::Writer writer(out);
  writer.u32(kFrameMagic);
  writer.u32(0);  // the checksum
  writer.u32(header.payload_checksum);
  writer.u8(static_cast<std::uint8_t>(header.kind));
  writer.u8(static_cast<std::uint8_t>(header.codec));
  writer.u16(header.flags);
  writer.u32(header.stored_bytes);
  writer.u32(header.raw_bytes);
  writer.u64(header.first.value());
  writer.u32(header.records);
  writer.u32(header.operations);
  writer.u64(header.watermark.segment.value());
  writer.u64(header.watermark.offset);
  writer.u64(header.ring.session.value());
  writer.u64(header.ring.position.value());
  writer.u64(header.catalog.value());
  put_checksum(out, kFrameChecksumOffset,
               seeded_checksum(out.subspan(kFrameCoveredOffset), nonce, offset));
}

DecodedFrameHeader decode_frame_header(std::span<const std::byte, kFrameHeaderBytes> bytes,
                                       std::uint64_t nonce, std::uint64_t offset) noexcept {
  DecodedFrameHeader result;
  if (is_zero(bytes)) {
    result.state = FrameState::zero;
    return result;
  }
  base::Reader reader(bytes);
  if (reader.u32() != kFrameMagic) return result;
  result.state = FrameState::bad_checksum;
  result.actual_checksum = reader.u32();
  result.expected_checksum = seeded_checksum(bytes.subspan(kFrameCoveredOffset), nonce, offset);
  if (result.actual_checksum != result.expected_checksum) return result;

  FrameHeader& header = result.header;
  header.payload_checksum = reader.u32();
  header.kind = static_cast<FrameKind>(reader.u8());
  header.codec = static_cast<base::Codec>(reader.u8());
  header.flags = reader.u16();
  header.stored_bytes = reader.u32();
  header.raw_bytes = reader.u32();
  header.first = base::Sequence{reader.u64()};
  header.records = reader.u32();
  header.operations = reader.u32();
  header.watermark = read_log_place(reader);
  header.ring = read_ring_place(reader);
  header.catalog = base::Generation{reader.u64()};
  result.state = !is_known(header)   ? FrameState::unknown_kind
                 : in_bounds(header) ? FrameState::valid
                                     : FrameState::bad_field;
  return result;
}

std::uint32_t frame_payload_checksum(base::Bytes stored, std::uint64_t nonce,
                                     std::uint64_t offset) noexcept {
  return seeded_checksum(stored, nonce, offset);
}

}  // namespace siltstone::wal
