// Anonymous private mappings. Under AddressSanitizer everything not given out is poisoned, so that
// a use of a recycled arena is found as a use of freed memory would be.
#include "base/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/error.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) (static_cast<void>(start), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) (static_cast<void>(start), static_cast<void>(size))
#endif

namespace siltstone::base {

namespace {

// The smallest page of all supported machines; larger ones are only asked for more than once.
constexpr std::size_t kPageBytes = 4096;

std::size_t round_up(std::size_t value, std::size_t to) noexcept {
  return (value + to - 1) / to * to;
}

}  // namespace

Result<Arena> Arena::create(std::size_t bytes) noexcept {
  if (bytes == 0 || bytes > kMaxBytes) {
    return fail(ErrorCode::invalid_argument, "an arena of 0 or of more than 32 GiB");
  }
  const std::size_t capacity = round_up(bytes, kPageBytes);
  void* base = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return fail_os(errno, "mapping memory for an arena");
  return Arena(static_cast<std::byte*>(base), capacity);
}

Arena::Arena(std::byte* base, std::size_t capacity) noexcept : base_(base), capacity_(capacity) {
  ASAN_POISON_MEMORY_REGION(base_, capacity_);
}

Arena::Arena(Arena&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      capacity_(other.capacity_),
      used_(other.used_),
      resident_(other.resident_) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(capacity_, other.capacity_);
  std::swap(used_, other.used_);
  std::swap(resident_, other.resident_);
  return *this;
}

Arena::~Arena() {
  if (base_ == nullptr) return;
  ASAN_UNPOISON_MEMORY_REGION(base_, capacity_);
  munmap(base_, capacity_);
}

Arena::Offset Arena::allocate(std::size_t bytes, std::size_t alignment) noexcept {
  SILT_ASSERT(std::has_single_bit(alignment));
  SILT_ASSERT(alignment >= kUnitBytes && alignment <= kMaxAlignment);
  const std::size_t start = round_up(used_, alignment);
  if (start > capacity_ || bytes > capacity_ - start) return 0;
  // capacity_ is a multiple of the unit, so rounding up stays within it.
  used_ = start + round_up(bytes, kUnitBytes);
  resident_ = std::max(resident_, used_);
  ASAN_UNPOISON_MEMORY_REGION(base_ + start, bytes);
  return static_cast<Offset>(start / kUnitBytes);
}

void Arena::prefault(std::size_t bytes) noexcept {
  const std::size_t first = round_up(resident_, kPageBytes);
  const std::size_t wanted = round_up(std::min(bytes, capacity_ - used_) + used_, kPageBytes);
  const std::size_t end = std::min(wanted, capacity_);
  if (first >= end) return;
  if (madvise(base_ + first, end - first, MADV_POPULATE_WRITE) != 0) {
    if (errno != EINVAL) return;  // no memory now: pages come one by one when they are used
    ASAN_UNPOISON_MEMORY_REGION(base_ + first, end - first);
    for (std::size_t page = first; page < end; page += kPageBytes) {
      *static_cast<volatile std::byte*>(base_ + page) = std::byte{0};  // a kernel before 5.14
    }
    ASAN_POISON_MEMORY_REGION(base_ + first, end - first);
  }
  resident_ = end;
}

void Arena::reset() noexcept {
  used_ = kUnitBytes;
  ASAN_POISON_MEMORY_REGION(base_, capacity_);
}

ArenaPool::ArenaPool(std::size_t arena_bytes, std::size_t keep)
    : arena_bytes_(arena_bytes), keep_(keep) {
  idle_.reserve(keep);  // so that giving back needs no memory
}

Result<Arena> ArenaPool::take() noexcept {
  {
    MutexLock lock(mutex_);
    if (!idle_.empty()) {
      Arena arena = std::move(idle_.back());
      idle_.pop_back();
      return arena;
    }
  }
  return Arena::create(arena_bytes_);
}

void ArenaPool::give_back(Arena arena) noexcept {
  SILT_ASSERT(arena.capacity() == round_up(arena_bytes_, kPageBytes));
  arena.reset();
  MutexLock lock(mutex_);
  if (idle_.size() < keep_) idle_.push_back(std::move(arena));
  // Else it is unmapped, after the lock is released: arguments outlive locals.
}

std::size_t ArenaPool::idle_count() noexcept {
  MutexLock lock(mutex_);
  return idle_.size();
}

}  // namespace siltstone::base
