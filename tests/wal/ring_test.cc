// The ring: bytes in, views out, room given back.
#include "wal/ring.h"

#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rng.h"
#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

constexpr RingPlace kStart{base::SessionId{7}, base::RingPosition{1000}};

Ring make_ring(std::size_t bytes) {
  auto ring = Ring::make(bytes, kStart);
  REQUIRE(ring);
  return std::move(*ring);
}

}  // namespace

TEST_CASE("ring: what was appended is found whole at its position, however it wraps") {
  support::Rng rng(1);
  Ring ring = make_ring(4096);
  CHECK(ring.head() == kStart);
  struct Appended {
    RingPlace place;
    base::Sequence first;
    Commit commit;
  };
  std::vector<Appended> held;
  base::Sequence next{1};
  for (std::uint64_t n = 0; n < 2000; ++n) {
    const Commit commit = make_commit(n, rng.between(20, 900));
    const auto record = encode_record(ring.head(), next, commit.count, commit.entries);
    while (record.size() > ring.capacity() - ring.used()) {
      ring.release(held.size() == 1 ? ring.head().position : held[1].place.position);
      held.erase(held.begin());
    }
    held.push_back({ring.head(), next, commit});
    ring.append(record);
    next += commit.count;
    for (std::size_t i = 0; i < held.size(); ++i) {
      const auto end = i + 1 < held.size() ? held[i + 1].place : ring.head();
      const RecordRange range = ring.range(held[i].place.position, end.position);
      std::vector<std::byte> bytes(range.size());
      range.copy(0, bytes);
      const auto decoded = decode_record(bytes, held[i].place);
      REQUIRE(decoded);
      CHECK(decoded->first == held[i].first);
      CHECK(decoded->entries == held[i].commit.entries);
    }
  }
}

TEST_CASE("ring: a record that never enters takes positions, and no room") {
  Ring ring = make_ring(4096);
  ring.skip(10'000'000);
  CHECK(ring.used() == 0);
  CHECK(ring.head().position == kStart.position + 10'000'000);
  const Commit commit = make_commit(1);
  const auto record = encode_record(ring.head(), base::Sequence{1}, commit.count, commit.entries);
  const RingPlace place = ring.head();
  ring.append(record);
  CHECK(ring.used() == record.size());
  CHECK(ring.range(place.position, ring.head().position).size() == record.size());
}
