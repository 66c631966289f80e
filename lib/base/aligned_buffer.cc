// AlignedBuffer by mmap: a mapping is zeroed, aligned, and given back whole.
#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "base/error.h"

namespace siltstone::base {
namespace {

constexpr std::size_t round_up(std::size_t size, std::size_t alignment) noexcept {
  return (size + alignment - 1) / alignment * alignment;
}

// Maps one alignment more than asked for and cuts what is over off both ends.
std::byte* map_aligned(std::size_t size, std::size_t alignment) noexcept {
  const std::size_t slack = alignment > AlignedBuffer::kAlignmentBytes ? alignment : 0;
  void* const mapped =
      mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = slack == 0 ? 0 : round_up(address, alignment) - address;
  if (before != 0) munmap(begin, before);
  if (slack != before) munmap(begin + before + size, slack - before);
  return begin + before;
}

}  // namespace

Result<AlignedBuffer> AlignedBuffer::allocate(std::size_t size, PageKind kind) {
  AlignedBuffer buffer;
  if (size == 0) return buffer;
  const std::size_t alignment = kind == PageKind::huge ? kHugePageBytes : kAlignmentBytes;
  if (size > SIZE_MAX / 2) return fail(ErrorCode::out_of_memory, "a buffer is too large");
  const std::size_t rounded = round_up(size, alignment);
  std::byte* const data = map_aligned(rounded, alignment);
  // Whatever the errno: valgrind answers EINVAL where the kernel says ENOMEM.
  if (data == nullptr) return fail_os(ENOMEM, "map a buffer");
  buffer.bytes_ = {data, rounded};
  buffer.huge_ = kind == PageKind::huge && madvise(data, rounded, MADV_HUGEPAGE) == 0;
  return buffer;
}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  if (this != &other) {
    release();
    bytes_ = std::exchange(other.bytes_, {});
    huge_ = std::exchange(other.huge_, false);
  }
  return *this;
}

void AlignedBuffer::populate(std::size_t offset, std::size_t size) const noexcept {
  const MutableBytes pages = bytes_.subspan(offset, size);
  static_cast<void>(madvise(pages.data(), pages.size(), MADV_POPULATE_WRITE));
}

void AlignedBuffer::discard(std::size_t offset, std::size_t size) const noexcept {
  const MutableBytes pages = bytes_.subspan(offset, size);
  static_cast<void>(madvise(pages.data(), pages.size(), MADV_DONTNEED));
}

void AlignedBuffer::release() noexcept {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
  bytes_ = {};
}

}  // namespace siltstone::base
