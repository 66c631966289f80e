// The ring: bytes in, views out, room given back.
#include "wal/ring.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.h"
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

/// Memory that notes which parts of it were populated, and refuses what it is told to.
class NotedMapping final : public io::Mapping {
 public:
  explicit NotedMapping(std::size_t bytes) : memory_(bytes) {}
  [[nodiscard]] std::span<std::byte> bytes() const noexcept override { return memory_; }
  [[nodiscard]] Result<void> populate(std::size_t offset, std::size_t length) noexcept override {
    CHECK(offset % 4096 == 0);
    REQUIRE(offset + length <= memory_.size());
    ranges.emplace_back(offset, length);
    if (refuses) return base::fail_os(EFAULT, "populate");
    return {};
  }

  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  bool refuses = false;

 private:
  mutable std::vector<std::byte> memory_;
};

constexpr std::size_t kWindow = 256 << 10;

struct MappedRing {
  explicit MappedRing(std::size_t bytes) {
    auto made = std::make_unique<NotedMapping>(bytes);
    mapping = made.get();
    auto ring_made = Ring::make(bytes, {base::SessionId{7}, {}}, std::move(made));
    REQUIRE(ring_made);
    ring.emplace(std::move(*ring_made));
  }
  /// A record of this size, header included.
  void append(std::size_t bytes) {
    const std::string entries(bytes - kRecordHeaderBytes, 'e');
    ring->append(encode_record(ring->head(), base::Sequence{1}, 1, entries));
  }
  [[nodiscard]] auto taken() { return std::exchange(mapping->ranges, {}); }

  using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;
  NotedMapping* mapping;
  std::optional<Ring> ring;
};

}  // namespace

TEST_CASE("ring: a mapping is populated before it is stored into, a window at a time") {
  MappedRing world(4 * kWindow);
  Ring& ring = *world.ring;
  REQUIRE(ring.is_mapped());
  REQUIRE(ring.prepare(100));
  CHECK(world.taken() == MappedRing::Ranges{{0, kWindow}});
  world.append(100);
  REQUIRE(ring.prepare(kWindow - 101));
  CHECK(world.taken().empty());
  REQUIRE(ring.prepare(kWindow));  // ends in the next one
  CHECK(world.taken() == MappedRing::Ranges{{kWindow, kWindow}});
  world.append(kWindow);
  REQUIRE(ring.prepare(2 * kWindow));
  CHECK(world.taken() == MappedRing::Ranges{{2 * kWindow, 2 * kWindow}});
  world.append(2 * kWindow);
  ring.release(ring.head().position);
  REQUIRE(ring.prepare(2 * kWindow - 200));  // around the end
  CHECK(world.taken() == MappedRing::Ranges{{0, kWindow}});
  ring.expire();
  ring.skip(kWindow - 300);
  REQUIRE(ring.prepare(2 * kWindow));  // from the page of the head
  CHECK(world.taken() == MappedRing::Ranges{{4 * kWindow - 4096, 4096}, {0, 2 * kWindow}});
}

TEST_CASE("ring: what was prepared is prepared again once it has expired") {
  MappedRing world(2 * kWindow);
  REQUIRE(world.ring->prepare(100));
  world.append(100);
  CHECK(world.taken().size() == 1);
  world.ring->expire();
  REQUIRE(world.ring->prepare(100));
  CHECK(world.taken() == MappedRing::Ranges{{0, kWindow}});
}

TEST_CASE("ring: a mapping smaller than a window is populated as a whole, and may wrap") {
  MappedRing world(16 << 10);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(world.ring->prepare(1000));
    world.append(1000);
    world.ring->release(world.ring->head().position);
  }
  CHECK(world.taken() == MappedRing::Ranges{{0, 16 << 10}});
}

TEST_CASE("ring: it leaves a mapping that is refused, and goes on at the same place") {
  MappedRing world(kWindow);
  Ring& ring = *world.ring;
  REQUIRE(ring.prepare(100));
  world.append(100);
  ring.expire();
  world.mapping->refuses = true;
  CHECK(ring.prepare(100).error().os_error() == EFAULT);
  const RingPlace head = ring.head();
  ring.release(head.position);
  ring.leave_mapping();
  CHECK(!ring.is_mapped());
  CHECK(ring.head() == head);
  CHECK(ring.capacity() == kWindow);
  REQUIRE(ring.prepare(kWindow));
  world.append(kWindow);
  ring.expire();
  REQUIRE(ring.prepare(1));
  const RecordRange range = ring.range(head.position, ring.head().position);
  std::vector<std::byte> bytes(range.size());
  range.copy(0, bytes);
  CHECK(decode_record(bytes, head));
}

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
