// AlignedBuffer: alignment, zeros, ownership.
#include "base/aligned_buffer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <doctest/doctest.h>

namespace siltstone::base {
namespace {

bool is_aligned(const AlignedBuffer& buffer, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(buffer.data()) % alignment == 0;
}

}  // namespace

TEST_CASE("aligned buffer: aligned, rounded up, and zero") {
  const auto buffer = AlignedBuffer::allocate(5000).value();
  CHECK(buffer.size() == 8192);
  CHECK(is_aligned(buffer, AlignedBuffer::kAlignmentBytes));
  CHECK(!buffer.huge());
  CHECK(std::ranges::all_of(buffer.bytes(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("aligned buffer: huge ones are aligned to huge pages, whatever the kernel grants") {
  for (int i = 0; i < 4; ++i) {
    const auto buffer = AlignedBuffer::allocate(3 << 20, PageKind::huge).value();
    CHECK(buffer.size() == 4 << 20);
    CHECK(is_aligned(buffer, AlignedBuffer::kHugePageBytes));
    std::ranges::fill(buffer.bytes(), std::byte{1});
  }
}

TEST_CASE("aligned buffer: moving hands the memory over") {
  auto first = AlignedBuffer::allocate(4096).value();
  std::byte* const data = first.data();
  AlignedBuffer second(std::move(first));
  CHECK(second.data() == data);
  auto third = AlignedBuffer::allocate(4096).value();
  third = std::move(second);
  CHECK(third.data() == data);
}

TEST_CASE("aligned buffer: memory given back is zero again, and memory brought in ahead too") {
  const auto buffer = AlignedBuffer::allocate(3 * 4096).value();
  std::ranges::fill(buffer.bytes(), std::byte{1});
  buffer.discard(4096, 4096);
  buffer.populate(0, buffer.size());
  CHECK(buffer.bytes()[4095] == std::byte{1});
  CHECK(buffer.bytes()[8192] == std::byte{1});
  const auto middle = buffer.bytes().subspan(4096, 4096);
  CHECK(std::ranges::all_of(middle, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("G4: memory that cannot be had is an error") {
  CHECK(AlignedBuffer::allocate(SIZE_MAX).error().code() == ErrorCode::out_of_memory);
  CHECK(AlignedBuffer::allocate(std::size_t{1} << 62).error().code() == ErrorCode::out_of_memory);
  CHECK(AlignedBuffer::allocate(0).value().size() == 0);
}

}  // namespace siltstone::base
