// The two headers: what is encoded is decoded, in its place, and nothing else is.
#include "wal/wal_format.h"

#include <array>

#include <doctest/doctest.h>

using namespace siltstone;
using namespace siltstone::wal;

namespace {

SegmentHeader some_segment() {
  SegmentHeader header;
  header.store.bytes.fill(std::byte{9});
  header.id = base::SegmentId{7};
  header.nonce = 0x1122'3344'5566'7788;
  header.predecessor = {base::SegmentId{5}, 40960};
  header.first = base::Sequence{1000};
  header.ring = {base::SessionId{3}, base::RingPosition{500}};
  header.catalog = base::Generation{2};
  return header;
}

FrameHeader some_frame() {
  FrameHeader header;
  header.payload_checksum = 0xabcdef01;
  header.kind = FrameKind::records;
  header.codec = base::Codec::snappy;
  header.stored_bytes = 300;
  header.raw_bytes = 1000;
  header.first = base::Sequence{1000};
  header.records = 3;
  header.operations = 9;
  header.watermark = {base::SegmentId{7}, 8192};
  header.ring = {base::SessionId{3}, base::RingPosition{1500}};
  header.catalog = base::Generation{2};
  return header;
}

FrameState state_of(const FrameHeader& header) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  encode(header, 1, 2, bytes);
  return decode_frame_header(bytes, 1, 2).state;
}

HeaderState state_of(const SegmentHeader& header) {
  std::array<std::byte, kSegmentHeaderBytes> bytes;
  encode(header, bytes);
  return decode_segment_header(bytes, false).state;
}

}  // namespace

TEST_CASE("wal format: a segment header is decoded as encoded, and no bit may differ") {
  std::array<std::byte, kSegmentHeaderBytes> bytes;
  encode(some_segment(), bytes);
  const auto decoded = decode_segment_header(bytes, false);
  CHECK(decoded.state == HeaderState::valid);
  CHECK(decoded.header == some_segment());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK(decode_segment_header(bytes, false).state != HeaderState::valid);
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  CHECK(decode_segment_header(std::span(bytes).first(127), false).state == HeaderState::no_magic);
  bytes.fill(std::byte{0});
  CHECK(decode_segment_header(bytes, false).state == HeaderState::zero);
}

TEST_CASE("wal format: a frame header is decoded in its place alone, and no bit may differ") {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  encode(some_frame(), 11, 8192, bytes);
  const auto decoded = decode_frame_header(bytes, 11, 8192);
  CHECK(decoded.state == FrameState::valid);
  CHECK(decoded.header == some_frame());
  CHECK(decode_frame_header(bytes, 12, 8192).state == FrameState::bad_checksum);
  CHECK(decode_frame_header(bytes, 11, 12288).state == FrameState::bad_checksum);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK(decode_frame_header(bytes, 11, 8192).state != FrameState::valid);
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  bytes.fill(std::byte{0});
  CHECK(decode_frame_header(bytes, 0, 0).state == FrameState::zero);
}

TEST_CASE("wal format: fields of the format document are where it says") {
  std::array<std::byte, kSegmentHeaderBytes> segment;
  encode(some_segment(), segment);
  CHECK(base::as_text(segment).substr(0, 8) == "SILTWAL\n");
  CHECK(segment[12] == std::byte{1});
  CHECK(segment[32] == std::byte{9});
  CHECK(segment[48] == std::byte{7});
  CHECK(segment[56] == std::byte{0x88});
  CHECK(segment[64] == std::byte{5});
  CHECK(segment[73] == std::byte{40960 >> 8});
  CHECK(segment[104] == std::byte{2});
  std::array<std::byte, kFrameHeaderBytes> frame;
  encode(some_frame(), 1, 2, frame);
  CHECK(base::as_text(frame).substr(0, 4) == "SFRM");
  CHECK(frame[8] == std::byte{0x01});
  CHECK(frame[12] == std::byte{1});
  CHECK(frame[13] == std::byte{1});
  CHECK(frame[32] == std::byte{3});
  CHECK(frame[36] == std::byte{9});
  CHECK(frame[40] == std::byte{7});
  CHECK(frame[56] == std::byte{3});
  CHECK(frame[72] == std::byte{2});
}

TEST_CASE(
    "wal format: L1, L6, L9, fields beyond their limits are refused though the checksum is right") {
  SegmentHeader segment = some_segment();
  CHECK(state_of(segment) == HeaderState::valid);
  segment.predecessor.segment = segment.id;  // a cycle
  CHECK(state_of(segment) == HeaderState::bad_field);
  segment = some_segment();
  segment.predecessor.offset = 40961;
  CHECK(state_of(segment) == HeaderState::bad_field);
  segment.predecessor.offset = kBlockBytes;
  CHECK(state_of(segment) == HeaderState::bad_field);
  segment.predecessor = {base::SegmentId{0}, 8192};
  CHECK(state_of(segment) == HeaderState::bad_field);
  segment = some_segment();
  segment.first = base::Sequence{0};
  CHECK(state_of(segment) == HeaderState::bad_field);

  const auto with = [](auto change) {
    FrameHeader frame = some_frame();
    change(frame);
    return state_of(frame);
  };
  CHECK(with([](FrameHeader&) {}) == FrameState::valid);
  CHECK(with([](FrameHeader& f) { f.raw_bytes = kMaxRawBytes + 1; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.stored_bytes = 1000; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.stored_bytes = 0xffff'ffff; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.codec = base::Codec::none; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.records = 0; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.records = 51; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.operations = 2; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.flags = kCleanEnd; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.kind = FrameKind::mark; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.kind = FrameKind::large_end; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.first = base::Sequence{0}; }) == FrameState::bad_field);
  CHECK(with([](FrameHeader& f) { f.flags = 2; }) == FrameState::unknown_kind);
  CHECK(with([](FrameHeader& f) { f.codec = base::Codec{2}; }) == FrameState::unknown_kind);
  CHECK(with([](FrameHeader& f) { f.kind = FrameKind{6}; }) == FrameState::unknown_kind);
  CHECK(with([](FrameHeader& f) { f.kind = FrameKind::none; }) == FrameState::unknown_kind);
}
