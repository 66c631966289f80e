// Slabs: see frame_slabs.h.
#include "table/frame_slabs.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "base/assert.h"
#include "base/try.h"

namespace siltstone::table {
namespace {

constexpr std::size_t kLargestSlabBytes = base::AlignedBuffer::kHugePageBytes;
// Room for the largest frame and its entry.
constexpr std::size_t kSmallestSlabBytes = 2 * kMaxSlabFrameBytes;
// So that a class with few frames does not take much from the others.
constexpr std::size_t kLeastSlabs = 32;

std::size_t slab_size(std::size_t bytes) noexcept {
  return std::clamp(std::bit_floor(bytes / kLeastSlabs + 1), kSmallestSlabBytes, kLargestSlabBytes);
}

}  // namespace

class FrameSlabs::Frame final : public CacheEntry {
 public:
  Frame(BlockCache* cache, std::size_t pages) noexcept : CacheEntry(cache, pages) {}
};

Result<FrameSlabs> FrameSlabs::create(std::size_t bytes, base::PageKind kind) {
  const std::size_t slab_bytes = slab_size(bytes);
  const std::size_t count = bytes / slab_bytes;
  const std::size_t mapped = count == 0 ? 0 : count * slab_bytes + kFrameSlackBytes;
  return FrameSlabs(SILT_TRY(base::AlignedBuffer::allocate(mapped, kind)), slab_bytes, count);
}

FrameSlabs::FrameSlabs(base::AlignedBuffer memory, std::size_t slab_bytes, std::size_t count)
    : memory_(std::move(memory)), slab_bytes_(slab_bytes), slabs_(count) {
  classes_.fill(kNone);
  resident_.reserve(count);
  absent_.resize(count);
  // The first one is the last in the list, and taken first.
  for (std::size_t i = 0; i < count; ++i) absent_[i] = static_cast<std::uint32_t>(count - 1 - i);
}

CacheEntry* FrameSlabs::take(std::size_t pages) noexcept {
  const std::uint32_t index = classes_[pages - 1];
  if (index == kNone) return nullptr;
  Slab& slab = slabs_[index];
  CacheEntry* frame = slab.free;
  if (frame != nullptr) {
    slab.free = std::exchange(frame->next_, nullptr);
  } else {
    frame = entries(index) + slab.fresh++;
  }
  free_pages_ -= pages;
  if (++slab.used == slab.capacity) unlink(index);
  return frame;
}

void FrameSlabs::give_back(CacheEntry& frame) noexcept {
  const std::uint32_t index = slab_of(&frame);
  Slab& slab = slabs_[index];
  SILT_ASSERT(slab.used != 0);
  if (slab.used-- == slab.capacity) link(index);
  frame.next_ = slab.free;
  slab.free = &frame;
  free_pages_ += slab.pages;
  if (slab.used != 0) return;
  unlink(index);
  free_pages_ -= std::size_t{slab.capacity} * slab.pages;
  slab = Slab{};
  resident_.push_back(index);
}

bool FrameSlabs::assign(std::size_t pages, BlockCache* cache, bool may_grow) noexcept {
  std::vector<std::uint32_t>& from = resident_.empty() ? absent_ : resident_;
  if (from.empty() || (&from == &absent_ && !may_grow)) return false;
  const std::uint32_t index = from.back();
  from.pop_back();
  const std::size_t slab_pages = slab_bytes_ / kFramePageBytes;
  std::size_t capacity = slab_pages / pages;
  const auto header_pages = [&] { return frame_pages(capacity * sizeof(Frame)); };
  while (header_pages() + capacity * pages > slab_pages) --capacity;
  for (std::size_t i = 0; i < capacity; ++i) std::construct_at(entries(index) + i, cache, pages);
  Slab& slab = slabs_[index];
  slab.pages = static_cast<std::uint32_t>(pages);
  slab.capacity = static_cast<std::uint32_t>(capacity);
  slab.offset = static_cast<std::uint32_t>(header_pages() * kFramePageBytes);
  free_pages_ += capacity * pages;
  link(index);
  return true;
}

bool FrameSlabs::discard_one() noexcept {
  if (resident_.empty()) return false;
  const std::uint32_t index = resident_.back();
  memory_.discard(index * slab_bytes_, slab_bytes_);
  resident_.pop_back();
  absent_.push_back(index);
  return true;
}

std::optional<std::uint32_t> FrameSlabs::withdraw() noexcept {
  if (absent_.empty()) return std::nullopt;
  const std::uint32_t index = absent_.back();
  absent_.pop_back();
  return index;
}

void FrameSlabs::populate(std::uint32_t slab) noexcept {
  memory_.populate(slab * slab_bytes_, slab_bytes_);
}

CacheEntry& FrameSlabs::entry_of(const std::byte* data) const noexcept {
  const std::uint32_t index = slab_of(data);
  const Slab& slab = slabs_[index];
  const auto offset = static_cast<std::size_t>(data - slab_begin(index)) - slab.offset;
  return entries(index)[offset / kFramePageBytes / slab.pages];
}

std::byte* FrameSlabs::data_of(const CacheEntry& frame) const noexcept {
  const std::uint32_t index = slab_of(&frame);
  const auto number = static_cast<std::size_t>(static_cast<const Frame*>(&frame) - entries(index));
  return slab_begin(index) + slabs_[index].offset + number * frame.bytes();
}

std::span<CacheEntry> FrameSlabs::neighbours(const CacheEntry& frame) const noexcept {
  const std::uint32_t index = slab_of(&frame);
  static_assert(sizeof(Frame) == sizeof(CacheEntry));
  return {static_cast<CacheEntry*>(entries(index)), slabs_[index].fresh};
}

std::uint32_t FrameSlabs::slab_of(const void* address) const noexcept {
  const auto offset =
      static_cast<std::size_t>(static_cast<const std::byte*>(address) - memory_.data());
  return static_cast<std::uint32_t>(offset / slab_bytes_);
}

const CacheEntry* FrameSlabs::sparsest() const noexcept {
  const CacheEntry* found = nullptr;
  double least = 1;
  for (std::uint32_t index = 0; index < slabs_.size(); ++index) {
    const Slab& slab = slabs_[index];
    if (slab.pages == 0 || slab.used == slab.capacity) continue;
    const double part = static_cast<double>(slab.used) / slab.capacity;
    if (part < least) {
      least = part;
      found = entries(index);
    }
  }
  return found;
}

FrameSlabs::Frame* FrameSlabs::entries(std::uint32_t slab) const noexcept {
  return reinterpret_cast<Frame*>(slab_begin(slab));
}

void FrameSlabs::link(std::uint32_t slab) noexcept {
  std::uint32_t& first = classes_[slabs_[slab].pages - 1];
  slabs_[slab].previous = kNone;
  slabs_[slab].next = first;
  if (first != kNone) slabs_[first].previous = slab;
  first = slab;
}

void FrameSlabs::unlink(std::uint32_t slab) noexcept {
  const Slab& gone = slabs_[slab];
  (gone.previous != kNone ? slabs_[gone.previous].next : classes_[gone.pages - 1]) = gone.next;
  if (gone.next != kNone) slabs_[gone.next].previous = gone.previous;
}

}  // namespace siltstone::table
