// Copies records in; hands out views.
#include "wal/ring.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/try.h"

namespace siltstone::wal {

Result<Ring> Ring::make(std::size_t capacity_bytes, RingPlace start) {
  return Ring(SILT_TRY(base::AlignedBuffer::allocate(capacity_bytes)), start);
}

Ring::Ring(base::AlignedBuffer buffer, RingPlace start) noexcept
    : buffer_(std::move(buffer)),
      session_(start.session),
      head_(start.position),
      released_(start.position) {}

void Ring::put(base::Bytes bytes) noexcept {
  const std::size_t at = head_.value() % capacity();
  const std::size_t before_wrap = std::min(bytes.size(), capacity() - at);
  if (!bytes.empty()) std::memcpy(buffer_.data() + at, bytes.data(), before_wrap);
  if (before_wrap != bytes.size()) {
    std::memcpy(buffer_.data(), bytes.data() + before_wrap, bytes.size() - before_wrap);
  }
  head_ += bytes.size();
}

void Ring::append(const EncodedRecord& record) noexcept {
  SILT_ASSERT(record.size() <= capacity() - used());
  put(record.header);
  put(base::as_bytes(record.entries));
}

void Ring::skip(std::size_t bytes) noexcept {
  SILT_ASSERT(used() == 0);
  head_ += bytes;
  released_ = head_;
}

RecordRange Ring::range(base::RingPosition from, base::RingPosition to) const noexcept {
  SILT_ASSERT(from <= to);
  SILT_ASSERT(to - from <= capacity());
  const std::size_t at = from.value() % capacity();
  const auto length = static_cast<std::size_t>(to - from);
  const std::size_t before_wrap = std::min(length, capacity() - at);
  const base::Bytes all = buffer_.bytes();
  return {all.subspan(at, before_wrap), all.first(length - before_wrap)};
}

void Ring::release(base::RingPosition to) noexcept {
  SILT_ASSERT(to <= head_);
  released_ = std::max(released_, to);
}

}  // namespace siltstone::wal
