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

// Huge pages round what is resident up to 2 MiB at either end, which a small arena should not cost.
constexpr std::size_t kLeastForHugePages = std::size_t{64} << 20;

std::size_t round_up(std::size_t value, std::size_t to) noexcept {
  return (value + to - 1) / to * to;
}

}  // namespace

Result<Arena> Arena::create(std::size_t bytes) noexcept {
  if (bytes == 0 || bytes > kMaxBytes) {
    return fail(ErrorCode::invalid_argument, "an arena of 0, or of 32 GiB and more");
  }
  const std::size_t capacity = round_up(bytes, kPageBytes);
  void* base = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return fail_os(errno, "mapping memory for an arena");
  // Best effort: an index spread over many pages spends a fifth of its time on address translation.
  if (capacity >= kLeastForHugePages) static_cast<void>(madvise(base, capacity, MADV_HUGEPAGE));
  return Arena(static_cast<std::byte*>(base), capacity);
}

Arena::Arena(std::byte* base, std::size_t capacity) noexcept : base_(base), capacity_(capacity) {
  ASAN_POISON_MEMORY_REGION(base_, capacity_);
}

Arena::Arena(Arena&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      capacity_(other.capacity_),
      ends_(other.ends_.load(std::memory_order_relaxed)),
      back_(other.back_.load(std::memory_order_relaxed)),
      faulted_(other.faulted_.load(std::memory_order_relaxed)),
      touched_back_(other.touched_back_) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(capacity_, other.capacity_);
  ends_.store(other.ends_.exchange(ends_.load(std::memory_order_relaxed)));
  back_.store(other.back_.exchange(back_.load(std::memory_order_relaxed)));
  faulted_.store(other.faulted_.exchange(faulted_.load(std::memory_order_relaxed)));
  std::swap(touched_back_, other.touched_back_);
  return *this;
}

Arena::~Arena() {
  if (base_ == nullptr) return;
  ASAN_UNPOISON_MEMORY_REGION(base_, capacity_);
  munmap(base_, capacity_);
}

// Whoever tells another thread of an offset does so with release. Taking is acquire, and taking
// back release, for what the last owner of the same bytes read there.
Arena::Offset Arena::allocate(std::size_t bytes, std::size_t back_bytes) noexcept {
  if (bytes > capacity_ || back_bytes > capacity_) return 0;
  const std::size_t units = round_up(bytes, kUnitBytes) / kUnitBytes;
  const std::size_t back_units = round_up(back_bytes, kUnitBytes) / kUnitBytes;
  std::uint64_t ends = ends_.load(std::memory_order_relaxed);
  std::size_t front = 0;
  std::size_t promised = 0;
  do {
    front = front_of(ends) + units;
    promised = promised_of(ends) + back_units;
    if (front + promised > capacity_ / kUnitBytes) return 0;
  } while (!ends_.compare_exchange_weak(ends, pack(front, promised), std::memory_order_acquire,
                                        std::memory_order_relaxed));
  const std::size_t start = front - units;
  ASAN_UNPOISON_MEMORY_REGION(base_ + start * kUnitBytes, bytes);
  return static_cast<Offset>(start);
}

bool Arena::promise(std::size_t back_bytes) noexcept { return allocate(0, back_bytes) != 0; }

Arena::Offset Arena::allocate_back(std::size_t bytes, std::size_t alignment) noexcept {
  SILT_ASSERT(std::has_single_bit(alignment));
  SILT_ASSERT(alignment >= kUnitBytes && alignment <= kMaxAlignment);
  const std::size_t back = round_up(used_back() + bytes, alignment);
  SILT_ASSERT(bytes <= capacity_);
  SILT_ASSERT(back <= promised_of(ends_.load(std::memory_order_relaxed)) * kUnitBytes);
  back_.store(back, std::memory_order_relaxed);
  std::byte* const start = base_ + (capacity_ - back);
  ASAN_UNPOISON_MEMORY_REGION(start, bytes);
  return static_cast<Offset>((capacity_ - back) / kUnitBytes);
}

bool Arena::take_back(std::size_t back_bytes, Offset offset, std::size_t bytes) noexcept {
  const std::size_t units = round_up(bytes, kUnitBytes) / kUnitBytes;
  const std::size_t back_units = round_up(back_bytes, kUnitBytes) / kUnitBytes;
  if (units != 0) ASAN_POISON_MEMORY_REGION(at(offset), bytes);
  std::uint64_t ends = ends_.load(std::memory_order_relaxed);
  bool is_last = false;
  std::uint64_t taken_back = 0;
  do {
    is_last = units != 0 && front_of(ends) == offset + units;
    taken_back = pack(is_last ? offset : front_of(ends), promised_of(ends) - back_units);
  } while (!ends_.compare_exchange_weak(ends, taken_back, std::memory_order_release,
                                        std::memory_order_relaxed));
  if (units != 0 && !is_last) ASAN_UNPOISON_MEMORY_REGION(at(offset), bytes);
  return is_last;
}

std::size_t Arena::resident() const noexcept {
  const std::size_t front = std::max(faulted(), used_front());
  return std::min(capacity_, front + std::max(touched_back_, used_back()));
}

void Arena::prefault(std::size_t bytes) noexcept {
  const std::size_t used = used_front();
  const std::size_t room = capacity_ - used_back() - used;
  const std::size_t end = std::min(round_up(used + std::min(bytes, room), kPageBytes), capacity_);
  std::size_t first = faulted();
  do {
    if (first >= end) return;
  } while (!faulted_.compare_exchange_weak(first, end, std::memory_order_relaxed));
  first = std::max(first, used / kPageBytes * kPageBytes);
  // Where it fails, for lack of memory or in an old kernel, pages come one by one as they are used.
  if (first < end) static_cast<void>(madvise(base_ + first, end - first, MADV_POPULATE_WRITE));
}

void Arena::reset() noexcept {
  faulted_.store(std::max(faulted(), round_up(used_front(), kPageBytes)));
  touched_back_ = std::max(touched_back_, used_back());
  ends_.store(pack(1, 0));
  back_.store(0);
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
