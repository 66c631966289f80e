// Copies records in; hands out views.
#include "wal/ring.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

// Of a mapping, as much is populated at once. Little enough that a store that is hardly written to
// keeps few pages dirty, much enough that the system call costs a record next to nothing.
constexpr std::uint64_t kWindowBytes = std::uint64_t{256} << 10;
constexpr std::uint64_t kPageBytes = 4096;
constexpr base::RingPosition kAlways{UINT64_MAX};

}  // namespace

Result<Ring> Ring::make(std::size_t capacity_bytes, RingPlace start,
                        std::unique_ptr<io::Mapping> mapping) {
  auto buffer = SILT_TRY(base::AlignedBuffer::allocate(capacity_bytes));
  SILT_ASSERT(mapping == nullptr || mapping->bytes().size() == buffer.size());
  return Ring(std::move(buffer), std::move(mapping), start);
}

Ring::Ring(base::AlignedBuffer buffer, std::unique_ptr<io::Mapping> mapping,
           RingPlace start) noexcept
    : buffer_(std::move(buffer)),
      mapping_(std::move(mapping)),
      memory_(is_mapped() ? mapping_->bytes() : buffer_.bytes()),
      session_(start.session),
      head_(start.position),
      released_(start.position),
      ready_(is_mapped() ? start.position : kAlways) {}

// From what is ready to the end of the window in which the bytes end.
Result<void> Ring::populate(std::size_t bytes) noexcept {
  const base::RingPosition begin = std::max(head_, ready_);
  const std::uint64_t windows = (head_ + bytes).value() / kWindowBytes + 1;
  const base::RingPosition end{windows * kWindowBytes};
  const std::uint64_t at = begin.value() % capacity();
  const std::uint64_t first = at - at % kPageBytes;
  const std::uint64_t length = std::min<std::uint64_t>(end - begin + at % kPageBytes, capacity());
  const std::uint64_t before_wrap = std::min(length, capacity() - first);
  SILT_TRY(mapping_->populate(first, before_wrap));
  if (before_wrap != length) SILT_TRY(mapping_->populate(0, length - before_wrap));
  ready_ = end;
  return {};
}

void Ring::leave_mapping() noexcept {
  SILT_ASSERT(used() == 0);
  memory_ = buffer_.bytes();
  mapping_.reset();
  ready_ = kAlways;
}

void Ring::put(base::Bytes bytes) noexcept {
  const std::size_t at = head_.value() % capacity();
  const std::size_t before_wrap = std::min(bytes.size(), capacity() - at);
  if (!bytes.empty()) std::memcpy(memory_.data() + at, bytes.data(), before_wrap);
  if (before_wrap != bytes.size()) {
    std::memcpy(memory_.data(), bytes.data() + before_wrap, bytes.size() - before_wrap);
  }
  head_ += bytes.size();
}

void Ring::append(const EncodedRecord& record) noexcept {
  SILT_ASSERT(record.size() <= capacity() - used());
  SILT_ASSERT(head_ + record.size() <= ready_);
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
  const base::Bytes all = memory_;
  return {all.subspan(at, before_wrap), all.first(length - before_wrap)};
}

void Ring::release(base::RingPosition to) noexcept {
  SILT_ASSERT(to <= head_);
  released_ = std::max(released_, to);
}

}  // namespace siltstone::wal
