// Ids and places: ordered, explicit, and of no use where another kind is meant.
#include "base/ids.h"

#include <type_traits>

#include <doctest/doctest.h>

using namespace siltstone;

static_assert(!std::is_convertible_v<std::uint64_t, base::Sequence>);
static_assert(!std::is_convertible_v<base::Sequence, std::uint64_t>);
static_assert(!std::is_constructible_v<base::SegmentId, base::TableId>);
static_assert(!std::is_assignable_v<base::Sequence&, base::RingPosition>);
static_assert(sizeof(base::PageNumber) == 4 && sizeof(base::Sequence) == 8);
static_assert(std::is_trivially_copyable_v<base::Sequence>);

TEST_CASE("ids: are compared by number, and places have distances") {
  CHECK(base::TableId(7).next() == base::TableId(8));
  CHECK(base::TableId(7) < base::TableId(8));
  CHECK(base::Sequence(10) + 5 == base::Sequence(15));
  CHECK(base::Sequence(15) - base::Sequence(10) == 5);
  CHECK(base::PageNumber(3) + 1 > base::PageNumber(3));
  CHECK(base::kMaxSequence.value() == 0x00ff'ffff'ffff'ffff);
  CHECK(base::Sequence() < base::Sequence(1));
}

TEST_CASE("ids: two stores are the same only with equal bytes") {
  base::StoreId one;
  base::StoreId two;
  CHECK(one == two);
  two.bytes[15] = std::byte{1};
  CHECK(one != two);
}
