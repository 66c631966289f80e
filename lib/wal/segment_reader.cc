// Reads a window of the file at a time and takes frames out of it. The first is read by itself, so
// that small logs need no second request.
#include "wal/segment_reader.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/place_error.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

// Read at once, if the frames are not larger.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
// Before a chunk that is read ahead: for the part of a frame that came before it.
constexpr std::size_t kRoomBytes = kMaxFrameBytes;

bool is_broken(FrameState state) noexcept {
  return state == FrameState::bad_field || state == FrameState::unknown_kind;
}

const char* reason(FrameState state) noexcept {
  switch (state) {
    case FrameState::valid: break;
    case FrameState::zero: return "nothing was written here";
    case FrameState::no_magic: return "this is not a frame";
    case FrameState::bad_checksum: return "the checksum of a frame header differs";
    case FrameState::bad_field: return "a field of a frame header is out of range";
    case FrameState::unknown_kind: return "a frame is of a kind that this version does not know";
  }
  return "";
}

Error why_not(const DecodedFrameHeader& decoded) noexcept {
  const auto code =
      decoded.state == FrameState::unknown_kind ? ErrorCode::unsupported : ErrorCode::corruption;
  auto error = base::fail(code, reason(decoded.state));
  if (decoded.state == FrameState::bad_checksum) {
    error.mismatch(decoded.expected_checksum, decoded.actual_checksum);
  }
  return error;
}

}  // namespace

SegmentReader::SegmentReader(io::Channel& channel, io::File& file, std::uint64_t nonce,
                             ReadMemory& memory)
    : channel_(channel),
      file_(file),
      nonce_(nonce),
      window_{.buffer = &memory.windows[0]},
      ahead_{.buffer = &memory.windows[1]},
      raw_(memory.raw) {}

Result<base::MutableBytes> SegmentReader::Window::make_room(std::size_t bytes) noexcept {
  if (buffer->size() < kRoomBytes + bytes) {
    *buffer = SILT_TRY(base::AlignedBuffer::allocate(kRoomBytes + bytes));
  }
  return buffer->bytes().subspan(kRoomBytes, bytes);
}

base::Bytes SegmentReader::Window::from(std::uint64_t place) const noexcept {
  if (place < offset || place > end_offset()) return {};
  return buffer->bytes().first(end).subspan(begin + static_cast<std::size_t>(place - offset));
}

// The bytes there, fewer than asked only where the file ends.
Result<base::Bytes> SegmentReader::fetch(std::uint64_t offset, std::size_t length) {
  SILT_ASSERT(offset % kBlockBytes == 0);
  SILT_ASSERT(length <= kMaxFrameBytes);
  if (window_.from(offset).size() < length && !go_on(offset, length)) {
    SILT_TRY(read_anew(offset, length));
  }
  const base::Bytes rest = window_.from(offset);
  return rest.first(std::min(length, rest.size()));
}

// With what was read ahead, if that is enough: behind what the window has of the frame.
bool SegmentReader::go_on(std::uint64_t offset, std::size_t length) {
  const auto got = finish_ahead();
  if (!got || offset < window_.offset || offset > window_.end_offset()) return false;
  const base::Bytes kept = window_.from(offset);
  const bool is_last = *got < kChunkBytes;
  if (!is_last && kept.size() + *got < length) return false;
  ahead_.begin = kRoomBytes - kept.size();
  ahead_.end = kRoomBytes + *got;
  ahead_.offset = offset;
  std::ranges::copy(kept, ahead_.buffer->bytes().subspan(ahead_.begin).begin());
  std::swap(window_, ahead_);
  if (!is_last) start_ahead();
  return true;
}

Result<void> SegmentReader::read_anew(std::uint64_t offset, std::size_t length) {
  forget();
  const std::size_t wanted = std::max(kChunkBytes, length);
  const auto space = SILT_TRY(window_.make_room(wanted));
  const std::size_t got = SILT_TRY(channel_.read_to_end(file_, offset, space));
  window_.begin = kRoomBytes;
  window_.end = kRoomBytes + got;
  window_.offset = offset;
  if (got == wanted) start_ahead();
  return {};
}

// Without memory for it nothing is read ahead.
void SegmentReader::start_ahead() {
  const auto room = ahead_.make_room(kChunkBytes);
  if (!room) return;
  base::MutableBytes space = *room;
  const std::size_t half = kChunkBytes / 2;
  std::uint64_t offset = window_.end_offset();
  for (io::Transfer& transfer : halves_) {
    channel_.read(transfer, file_, offset, space.first(half), io::AtEnd::stop);
    space = space.subspan(half);
    offset += half;
  }
  reading_ = true;
  channel_.poll();
}

// How much there is; nothing where nothing was asked for. An error is met again, by whoever needs
// these bytes and reads them.
std::optional<std::size_t> SegmentReader::finish_ahead() {
  if (!std::exchange(reading_, false)) return std::nullopt;
  for (const io::Transfer& transfer : halves_) channel_.wait(transfer);
  const auto& first = halves_[0].outcome();
  const auto& second = halves_[1].outcome();
  if (!first || !second) return std::nullopt;
  return *first == kChunkBytes / 2 ? *first + *second : *first;
}

void SegmentReader::forget() noexcept {
  static_cast<void>(finish_ahead());
  window_.begin = window_.end = 0;
}

void SegmentReader::refuse(Frame& frame, FrameCheck check, const Error& why) const {
  frame.check = check;
  frame.fault = base::at_place(why, file_.path(), frame.offset);
}

Result<Frame> SegmentReader::read(std::uint64_t offset) {
  Frame frame;
  frame.offset = offset;
  base::Bytes bytes = SILT_TRY(fetch(offset, kBlockBytes));
  if (bytes.size() < kFrameHeaderBytes) {
    refuse(frame, FrameCheck::absent, base::fail(ErrorCode::corruption, "the file ends here"));
    return frame;
  }
  const auto decoded = decode_frame_header(bytes.first<kFrameHeaderBytes>(), nonce_, offset);
  if (decoded.state != FrameState::valid) {
    refuse(frame, is_broken(decoded.state) ? FrameCheck::broken : FrameCheck::absent,
           why_not(decoded));
    return frame;
  }
  frame.header = decoded.header;
  frame.extent = frame_extent(frame.header.stored_bytes);
  // The padding is not looked at, so it may be missing.
  const std::size_t needed = kFrameHeaderBytes + frame.header.stored_bytes;
  bytes = SILT_TRY(fetch(offset, static_cast<std::size_t>(frame.extent)));
  if (bytes.size() < needed) {
    refuse(frame, FrameCheck::absent,
           base::fail(ErrorCode::corruption, "the file ends inside a frame")
               .mismatch(needed, bytes.size()));
    return frame;
  }
  frame.stored = bytes.subspan(kFrameHeaderBytes, frame.header.stored_bytes);
  check_payload(frame);
  return frame;
}

void SegmentReader::check_payload(Frame& frame) {
  const FrameHeader& header = frame.header;
  const std::uint32_t actual = frame_payload_checksum(frame.stored, nonce_, frame.offset);
  if (actual != header.payload_checksum) {
    return refuse(frame, FrameCheck::absent,
                  base::fail(ErrorCode::corruption, "the checksum of a frame's payload differs")
                      .mismatch(header.payload_checksum, actual));
  }
  frame.check = FrameCheck::valid;
  frame.raw = frame.stored;
  if (header.codec == base::Codec::none) return;

  raw_.require(header.raw_bytes);
  const auto out = raw_.bytes().first(header.raw_bytes);
  frame.raw = out;
  if (auto size = base::decompressed_size(header.codec, frame.stored, header.raw_bytes); !size) {
    refuse(frame, FrameCheck::broken, size.error());
  } else if (*size != header.raw_bytes) {
    refuse(frame, FrameCheck::broken,
           base::fail(ErrorCode::corruption, "a frame decompresses to another size")
               .mismatch(header.raw_bytes, *size));
  } else if (auto done = base::decompress(header.codec, frame.stored, out); !done) {
    refuse(frame, FrameCheck::broken, done.error());
  }
}

Result<std::uint64_t> SegmentReader::size() { return SILT_TRY(file_.info()).size_bytes; }

Result<SegmentReader::Probe> SegmentReader::probe(std::uint64_t offset) {
  const base::Bytes block = SILT_TRY(fetch(offset, kBlockBytes));
  Probe result;
  result.is_zero = std::ranges::all_of(block, [](std::byte byte) { return byte == std::byte{0}; });
  if (!result.is_zero && block.size() >= kFrameHeaderBytes) {
    auto decoded = decode_frame_header(block.first<kFrameHeaderBytes>(), nonce_, offset);
    if (decoded.state == FrameState::valid) result.header = decoded.header;
  }
  return result;
}

}  // namespace siltstone::wal
