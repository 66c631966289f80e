// Lays frames out in memory as they will lie in the file.
#include "wal/frame_batch.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.h"

namespace siltstone::wal {
namespace {

base::AlignedBuffer allocate(std::size_t capacity) {
  auto buffer = base::AlignedBuffer::allocate(capacity);
  if (!buffer) throw std::bad_alloc();
  return *std::move(buffer);
}

}  // namespace

FrameBatch::FrameBatch(std::uint64_t nonce, std::uint64_t offset, std::size_t capacity)
    : nonce_(nonce), buffer_(allocate(capacity)), begin_(offset) {
  SILT_ASSERT(offset % kBlockBytes == 0);
  SILT_ASSERT(capacity % kBlockBytes == 0);
}

base::MutableBytes FrameBatch::payload() const noexcept {
  const base::MutableBytes rest = buffer_.bytes().subspan(used_);
  return rest.size() <= kFrameHeaderBytes ? base::MutableBytes() : rest.subspan(kFrameHeaderBytes);
}

void FrameBatch::seal(FrameHeader header) noexcept {
  const base::MutableBytes place = payload();
  SILT_ASSERT(!place.empty());
  SILT_ASSERT(header.stored_bytes <= place.size());
  const base::Bytes stored = place.first(header.stored_bytes);
  header.payload_checksum = frame_payload_checksum(stored, nonce_, end());
  const auto extent = static_cast<std::size_t>(frame_extent(header.stored_bytes));
  const base::MutableBytes frame = buffer_.bytes().subspan(used_, extent);
  encode(header, nonce_, end(), frame.first<kFrameHeaderBytes>());
  std::ranges::fill(frame.subspan(kFrameHeaderBytes + stored.size()), std::byte{0});
  used_ += extent;
}

void FrameBatch::clear() noexcept {
  begin_ += used_;
  used_ = 0;
}

void FrameBatch::restart(std::uint64_t nonce, std::uint64_t offset) noexcept {
  SILT_ASSERT(used_ == 0);
  SILT_ASSERT(offset % kBlockBytes == 0);
  nonce_ = nonce;
  begin_ = offset;
}

}  // namespace siltstone::wal
