// The format of log segments: docs/file_format.md in constants, and the codec of the two headers.
// Reader and writer share it; nothing else is in it.
//
//   segment   | header copy | header copy | frame | frame | ... | zeros or void bytes |
//             0             4 KiB         8 KiB   each at a fresh 4 KiB block
//
//   frame     | header (96) | stored payload | zeros up to the next block |
//   payload   | record | record | ...          once decompressed; records see record.h
//
// All integers are little-endian. Checksums are sealed CRC32C, seeded with the identity of what
// they cover, so that zeros, stale, misdirected and recycled blocks never validate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/compression.h"
#include "base/ids.h"

namespace siltstone::wal {

/// Unit of everything: frames start at multiples of it.
inline constexpr std::size_t kBlockBytes = 4096;
/// Where the first frame begins: behind the two copies of the header.
inline constexpr std::uint64_t kFirstFrameOffset = 2 * kBlockBytes;
inline constexpr std::size_t kSegmentHeaderBytes = 128;
inline constexpr std::size_t kFrameHeaderBytes = 96;
/// Largest payload, decompressed. A longer record is split over frames of its own.
inline constexpr std::size_t kMaxRawBytes = std::size_t{2} << 20;
/// Header and payload of the largest frame, padded.
inline constexpr std::size_t kMaxFrameBytes = kMaxRawBytes + kBlockBytes;
inline constexpr std::uint32_t kFormatVersion = 1;
/// Bits a reader must know to read, and those one that never writes may ignore: none are given yet.
inline constexpr std::uint64_t kKnownRequiredFeatures = 0;
inline constexpr std::uint64_t kKnownCompatibleFeatures = 0;

static_assert(kSegmentHeaderBytes <= 512, "a header copy must never tear");
static_assert(kMaxRawBytes % kBlockBytes == 0 && kMaxFrameBytes % kBlockBytes == 0);

/// A place in the stream of records: byte `position` since `session` began.
struct RingPlace {
  base::SessionId session;
  base::RingPosition position;

  friend bool operator==(const RingPlace&, const RingPlace&) = default;
};

/// A place in the chain of segments; places compare by age, since segment ids only grow.
struct LogPlace {
  base::SegmentId segment;
  std::uint64_t offset = 0;

  friend auto operator<=>(const LogPlace&, const LogPlace&) = default;
};

struct SegmentHeader {
  base::StoreId store;
  base::SegmentId id;        ///< From 1.
  std::uint64_t nonce = 0;   ///< Seeds the checksums of the segment's frames.
  LogPlace predecessor;      ///< End of the segment that this one continues; segment 0 for none.
  base::Sequence first;      ///< Of the first operation in this segment.
  RingPlace ring;            ///< Everything before it is in earlier segments.
  base::Generation catalog;  ///< Newest durable catalog; 0 before there is any.

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

/// Stands in files: never renumber.
enum class FrameKind : std::uint8_t {
  none = 0,  ///< Invalid.
  records = 1,
  mark = 2,  ///< No payload: tells what was durable.
  large_begin = 3,
  large_middle = 4,
  large_end = 5,
};

/// FrameHeader::flags: the store was closed here; nothing follows.
inline constexpr std::uint16_t kCleanEnd = 1;

struct FrameHeader {
  std::uint32_t payload_checksum = 0;  ///< Of the stored payload; see frame_payload_checksum().
  FrameKind kind = FrameKind::none;
  base::Codec codec = base::Codec::none;
  std::uint16_t flags = 0;
  std::uint32_t stored_bytes = 0;  ///< Of the payload in the file.
  std::uint32_t raw_bytes = 0;     ///< Of the payload decompressed.
  base::Sequence first;            ///< Of the payload; for a mark the next one to be given.
  std::uint32_t records = 0;       ///< That begin in this frame.
  std::uint32_t operations = 0;    ///< In those records.
  LogPlace watermark;              ///< All before it was durable when the frame's drain began.
  RingPlace ring;                  ///< All whole records before it are in this frame or before it.
  base::Generation catalog;        ///< Newest durable catalog.

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// What a header copy turned out to be.
enum class HeaderState : std::uint8_t {
  valid,
  zero,             ///< All zero: the slot is unused.
  no_magic,         ///< Something else.
  bad_checksum,     ///< Its checksum does not match.
  bad_field,        ///< The checksum matches, but a field is beyond its limits.
  newer_version,    ///< Valid, of a format that this code does not know.
  unknown_feature,  ///< Valid, but needs a feature that this code does not know.
};

/// A header copy taken apart. `version` and `features` (the unknown bits) tell why it is not ours.
struct DecodedSegmentHeader {
  HeaderState state = HeaderState::no_magic;
  SegmentHeader header;  ///< Means something only when valid.
  std::uint32_t version = 0;
  std::uint64_t features = 0;
  std::uint32_t expected_checksum = 0;  ///< As computed.
  std::uint32_t actual_checksum = 0;    ///< As stored.
};

/// One copy of a header; the rest of its block is zero.
void encode(const SegmentHeader& header, std::span<std::byte, kSegmentHeaderBytes> out) noexcept;
/// Both copies, each in a block of its own with zeros behind it.
void encode_copies(const SegmentHeader& header,
                   std::span<std::byte, kFirstFrameOffset> out) noexcept;
/// Takes apart one copy. `block` is all of its block, or what there is of it; may be hostile.
/// `read_only`: compatible features that are unknown do no harm.
[[nodiscard]] DecodedSegmentHeader decode_segment_header(base::Bytes block,
                                                         bool read_only) noexcept;

/// Why bytes are not a frame header, or `valid`.
enum class FrameState : std::uint8_t {
  valid,
  zero,  ///< The header's bytes are all zero: nothing was written here.
  no_magic,
  bad_checksum,
  bad_field,     ///< The checksum matches, but a field is beyond its limits.
  unknown_kind,  ///< The checksum matches, but this code does not know the kind, codec or flag.
};

struct DecodedFrameHeader {
  FrameState state = FrameState::no_magic;
  FrameHeader header;  ///< Means something when valid, and for unknown_kind.
  std::uint32_t expected_checksum = 0;
  std::uint32_t actual_checksum = 0;
};

/// `nonce` of the segment and `offset` of the frame in it give the frame its identity.
void encode(const FrameHeader& header, std::uint64_t nonce, std::uint64_t offset,
            std::span<std::byte, kFrameHeaderBytes> out) noexcept;
/// Takes apart a frame header; may be hostile. In a valid one, sizes are within limits and agree
/// with kind and codec.
[[nodiscard]] DecodedFrameHeader decode_frame_header(
    std::span<const std::byte, kFrameHeaderBytes> bytes, std::uint64_t nonce,
    std::uint64_t offset) noexcept;

/// Checksum of a stored payload.
[[nodiscard]] std::uint32_t frame_payload_checksum(base::Bytes stored, std::uint64_t nonce,
                                                   std::uint64_t offset) noexcept;

/// Bytes from the start of a frame to the start of the next.
[[nodiscard]] constexpr std::uint64_t frame_extent(std::uint64_t stored_bytes) noexcept {
  return (kFrameHeaderBytes + stored_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}
static_assert(frame_extent(0) == kBlockBytes && frame_extent(kMaxRawBytes) == kMaxFrameBytes);

}  // namespace siltstone::wal
