// The judgement over the four superblock copies, case by case.
#include "page/superblock.h"

#include <string>

#include <doctest/doctest.h>

namespace siltstone::page {
namespace {

using base::Generation;
using base::PageNumber;

// A valid copy of a generation; 0 for an all-zero one.
DecodedSuperblock copy(std::uint64_t generation) {
  DecodedSuperblock decoded;
  if (generation == 0) return decoded;
  decoded.state = CopyState::valid;
  decoded.superblock.generation = Generation(generation);
  return decoded;
}

DecodedSuperblock broken(CopyState state) {
  DecodedSuperblock decoded;
  decoded.state = state;
  return decoded;
}

ErrorCode error_of(const SuperblockCopies& copies) {
  const auto judged = judge(copies, "pages");
  REQUIRE(!judged);
  CHECK(judged.error().path() == "pages");
  return judged.error().code();
}

}  // namespace

TEST_CASE("superblock: the newest valid generation wins, in either slot") {
  const auto in_a = judge({copy(9), copy(9), copy(8), copy(8)}, "pages").value();
  REQUIRE(in_a);
  CHECK(in_a->slot == Slot::a);
  CHECK(in_a->newest.generation == Generation(9));
  CHECK(in_a->older.generation == Generation(8));
  CHECK(in_a->damage.empty());
  CHECK(in_a->weak == std::array{false, false});

  const auto in_b = judge({copy(7), copy(7), copy(8), copy(8)}, "pages").value();
  CHECK(in_b->slot == Slot::b);
  CHECK(in_b->newest.generation == Generation(8));
}

TEST_CASE("superblock: one bad copy is named damage, and weak in the newest slot") {
  const auto judged =
      judge({copy(9), broken(CopyState::bad_checksum), broken(CopyState::no_magic), copy(8)}, "p")
          .value();
  REQUIRE(judged);
  CHECK(judged->newest.generation == Generation(9));
  CHECK(judged->weak == std::array{false, true});
  REQUIRE(judged->damage.size() == 2);
  CHECK(judged->damage[0].page == PageNumber(1));
  CHECK(judged->damage[0].what == "superblock A, copy 1: bad checksum");
  CHECK(judged->damage[1].what == "superblock B, copy 0: not a superblock");
}

TEST_CASE("superblock: a slot of two generations is an interrupted write, not damage") {
  const auto judged = judge({copy(9), copy(7), copy(8), copy(8)}, "p").value();
  REQUIRE(judged);
  CHECK(judged->newest.generation == Generation(9));
  CHECK(judged->weak == std::array{false, true});
  CHECK(judged->damage.empty());
}

TEST_CASE("C3: a slot without a valid copy is corruption, never an older state") {
  const auto bad = broken(CopyState::bad_checksum);
  CHECK(error_of({bad, bad, copy(8), copy(8)}) == ErrorCode::corruption);
  CHECK(error_of({copy(9), copy(9), bad, bad}) == ErrorCode::corruption);
  CHECK(error_of({copy(9), copy(9), bad, copy(0)}) == ErrorCode::corruption);
  CHECK(error_of({copy(9), copy(9), copy(0), copy(0)}) == ErrorCode::corruption);
  CHECK(error_of({copy(0), copy(0), bad, copy(0)}) == ErrorCode::corruption);
}

TEST_CASE("F2: a slot that cannot be read is an I/O error, not corruption") {
  const auto gone = broken(CopyState::unreadable);
  CHECK(error_of({gone, gone, copy(8), copy(8)}) == ErrorCode::io);
  CHECK(judge({gone, copy(9), copy(8), copy(8)}, "p").value().has_value());
}

TEST_CASE("A8: zeros are a creation that never finished, but only up to its last generation") {
  const SuperblockCopies nothing{};
  CHECK(judge(nothing, "p").value() == std::nullopt);
  CHECK(judge({copy(1), copy(0), copy(0), copy(0)}, "p").value() == std::nullopt);
  CHECK(judge({copy(0), copy(0), copy(2), copy(2)}, "p").value() == std::nullopt);
  CHECK(error_of({copy(3), copy(3), copy(0), copy(0)}) == ErrorCode::corruption);
}

TEST_CASE("superblock: copies that contradict each other are corruption") {
  auto foreign = copy(8);
  foreign.superblock.store.bytes[0] = std::byte{1};
  CHECK(error_of({copy(9), copy(9), foreign, foreign}) == ErrorCode::corruption);
  CHECK(error_of({copy(9), copy(9), copy(8), foreign}) == ErrorCode::corruption);
  auto different = copy(9);
  different.superblock.catalog_bytes = 1;
  CHECK(error_of({copy(9), different, copy(8), copy(8)}) == ErrorCode::corruption);
  CHECK(error_of({copy(9), copy(9), copy(9), copy(9)}) == ErrorCode::corruption);
}

TEST_CASE("N1: one copy of a newer format is enough to refuse") {
  auto newer = broken(CopyState::newer_version);
  newer.version = 5;
  const auto judged = judge({copy(9), newer, copy(8), copy(8)}, "p");
  REQUIRE(!judged);
  CHECK(judged.error().code() == ErrorCode::unsupported);
  CHECK(judged.error().message() == "the page file has format version 5, newer than 1");
}

}  // namespace siltstone::page
