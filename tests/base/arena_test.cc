// Arena: offsets that stay good, bounds that hold, pages that are there before they are needed.
#include "base/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/random.h"

using namespace siltstone;
using base::Arena;
using base::ArenaPool;

static constexpr std::size_t kMiB = 1 << 20;

// Pages of the first `bytes` of the arena that are in memory.
static std::size_t pages_in_memory(const Arena& arena, std::size_t bytes) {
  std::vector<unsigned char> present(bytes / 4096);
  REQUIRE(mincore(arena.at(0), bytes, present.data()) == 0);
  std::size_t count = 0;
  for (const unsigned char page : present) count += page & 1;
  return count;
}

// Not by kernels before 5.14; and qemu-aarch64 says yes to advice that it does not pass on.
static bool advice_is_taken() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  unsigned char present = 0;
  const bool accepted = madvise(page, 4096, MADV_POPULATE_WRITE) == 0;
  REQUIRE(mincore(page, 4096, &present) == 0);
  munmap(page, 4096);
  return accepted && (present & 1) != 0;
}

TEST_CASE("arena: what was given out is aligned, disjoint and keeps its bytes") {
  Arena arena = Arena::create(kMiB).value();
  struct Piece {
    Arena::Offset offset;
    std::size_t size;
    std::byte fill;
  };
  std::vector<Piece> pieces;
  base::Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t size = random.between(1, 300);
    const std::size_t alignment = std::size_t{8} << random.below(4);
    Arena::Offset offset = 0;
    if (random.below(2) == 0) {
      REQUIRE(arena.promise(size + alignment));
      offset = arena.allocate_back(size, alignment);
    } else {
      offset = arena.allocate(size);
    }
    REQUIRE(offset != 0);
    pieces.push_back({offset, size, static_cast<std::byte>(i)});
    std::memset(arena.at(offset), i, size);
    if (arena.at(offset) < arena.at(0) + arena.used_front()) continue;
    REQUIRE(reinterpret_cast<std::uintptr_t>(arena.at(offset)) % alignment == 0);
  }
  std::size_t wrong = 0;
  for (const Piece& piece : pieces) {
    for (std::size_t i = 0; i < piece.size; ++i) {
      wrong += arena.at(piece.offset)[i] != piece.fill ? 1 : 0;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("arena: is full exactly at its capacity, and stays usable") {
  Arena arena = Arena::create(8192).value();
  REQUIRE(arena.capacity() == 8192);
  CHECK(arena.allocate(8192) == 0);  // the null offset takes a unit
  CHECK(arena.allocate(SIZE_MAX) == 0);
  CHECK(arena.allocate(8192 - 16) != 0);
  CHECK(arena.allocate(9) == 0);
  const Arena::Offset last = arena.allocate(8);
  REQUIRE(last != 0);
  std::memset(arena.at(last), 1, 8);
  CHECK(arena.allocate(1) == 0);
  CHECK(arena.taken() == 8192);
}

TEST_CASE("arena: what is promised at the back is kept, aligned, and the front ends before it") {
  Arena arena = Arena::create(8192).value();
  CHECK(arena.promise(128));
  CHECK(arena.taken() == 8 + 128);
  CHECK(arena.used_back() == 0);
  CHECK(arena.allocate(8192 - 128 - 8 + 1) == 0);
  CHECK(arena.allocate(8192 - 128 - 16, 9) == 0);
  CHECK(arena.allocate(8192 - 128 - 16, 8) != 0);
  CHECK(!arena.promise(1));
  CHECK(!arena.promise(SIZE_MAX));
  const Arena::Offset back = arena.allocate_back(100, 64);
  CHECK(arena.at(back) == arena.at(0) + 8192 - 128);
  CHECK(arena.used_back() == 128);
  CHECK(arena.taken() == 8192);
  arena.reset();
  CHECK(arena.taken() == Arena::kUnitBytes);
  CHECK(arena.resident() == 8192);
}

TEST_CASE("arena: threads that allocate at once get disjoint pieces") {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kPieces = 2000;
  Arena arena = Arena::create(kThreads * kPieces * 16 + 4096).value();
  std::vector<std::vector<Arena::Offset>> got(kThreads);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kPieces; ++i) got[t].push_back(arena.allocate(16));
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<Arena::Offset> all;
  for (const auto& part : got) all.insert(all.end(), part.begin(), part.end());
  std::ranges::sort(all);
  CHECK(all.front() != 0);
  std::size_t overlaps = 0;
  for (std::size_t i = 1; i < all.size(); ++i) overlaps += all[i] - all[i - 1] < 2 ? 1 : 0;
  CHECK(overlaps == 0);
}

TEST_CASE("arena: a promise can be taken back, and with it the piece given out last") {
  Arena arena = Arena::create(8192).value();
  const Arena::Offset first = arena.allocate(10, 100);
  const Arena::Offset second = arena.allocate(10, 100);
  CHECK(arena.taken() == 8 + 2 * (16 + 104));
  CHECK(!arena.take_back(100, first, 10));
  CHECK(arena.taken() == 8 + 2 * 16 + 104);
  CHECK(arena.take_back(100, second, 10));
  CHECK(arena.taken() == 8 + 16);
  CHECK(arena.allocate(24) == second);
}

TEST_CASE("arena: sizes that its offsets cannot reach are refused") {
  CHECK(Arena::create(0).error().code() == ErrorCode::invalid_argument);
  CHECK(Arena::create(Arena::kMaxBytes + 1).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("arena: asked-for pages are in memory before their first use, others are not") {
  if (!advice_is_taken()) {
    MESSAGE("the kernel does not populate on advice: not tested");
    return;
  }
  Arena arena = Arena::create(4 * kMiB).value();
  CHECK(pages_in_memory(arena, 4 * kMiB) == 0);
  arena.prefault(kMiB);
  CHECK(pages_in_memory(arena, kMiB) == kMiB / 4096);
  CHECK(pages_in_memory(arena, 4 * kMiB) < 2 * kMiB / 4096);
  CHECK(arena.resident() >= kMiB);

  REQUIRE(arena.allocate(kMiB) != 0);
  arena.prefault(100 * kMiB);
  CHECK(pages_in_memory(arena, 4 * kMiB) == 4 * kMiB / 4096);
  CHECK(arena.resident() == 4 * kMiB);
}

TEST_CASE("arena: prefaulting leaves what is in use alone") {
  Arena arena = Arena::create(kMiB).value();
  const Arena::Offset offset = arena.allocate(5000);
  std::memset(arena.at(offset), 0x5a, 5000);
  arena.prefault(kMiB);
  for (std::size_t i = 0; i < 5000; ++i) REQUIRE(arena.at(offset)[i] == std::byte{0x5a});
}

TEST_CASE("arena: a move leaves offsets good") {
  Arena arena = Arena::create(4096).value();
  const Arena::Offset offset = arena.allocate(8);
  std::byte* const place = arena.at(offset);
  Arena other = std::move(arena);
  CHECK(other.at(offset) == place);
  Arena third = Arena::create(4096).value();
  third = std::move(other);
  CHECK(third.at(offset) == place);
}

TEST_CASE("arena pool: gives back what it was given, with its pages, up to its bound") {
  ArenaPool pool(kMiB, 1);
  Arena first = pool.take().value();
  Arena second = pool.take().value();
  first.prefault(kMiB);
  REQUIRE(first.allocate(100) != 0);
  std::byte* const start = first.at(0);
  pool.give_back(std::move(first));
  CHECK(pool.idle_count() == 1);
  pool.give_back(std::move(second));
  CHECK(pool.idle_count() == 1);

  Arena again = pool.take().value();
  CHECK(pool.idle_count() == 0);
  CHECK(again.at(0) == start);
  CHECK(again.taken() == Arena::kUnitBytes);
  CHECK(again.resident() == kMiB);
}
