// The drain: how groups become frames, and what happens when the disk or the memory fails.
#include "wal/segment_writer.h"

#include <cerrno>

#include <doctest/doctest.h>

#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;
using support::Op;

namespace {

/// The frames of slot 0, as a scan tells them.
std::vector<Verdict> frames(LogWorld& world) {
  const auto reading = world.read();
  REQUIRE_MESSAGE(reading.state, reading.state.error().to_string());
  std::vector<Verdict> result;
  for (const Verdict& verdict : reading.found->verdicts) {
    if (verdict.kind != FrameKind::none) result.push_back(verdict);
  }
  return result;
}

}  // namespace

TEST_CASE("segment writer: a group of small records is one frame") {
  LogWorld world;
  auto opened = world.open();
  REQUIRE(opened);
  std::vector<Commit> group;
  std::uint32_t operations = 0;
  for (std::uint64_t n = 0; n < 100; ++n) {
    group.push_back(make_commit(n));
    operations += group.back().count;
  }
  REQUIRE(opened->drain(group));
  const auto found = frames(world);
  REQUIRE(found.size() == 1);
  CHECK(found[0].records == 100);
  CHECK(found[0].operations == operations);
  CHECK(opened->log.writer->next() == base::Sequence{1} + operations);
  CHECK(world.read().found->commits == group);
}

TEST_CASE("segment writer: a busy group is split into frames of at most 256 KiB") {
  LogWorld world;
  auto opened = world.open();
  REQUIRE(opened);
  std::vector<Commit> group;
  for (std::uint64_t n = 0; n < 1000; ++n) group.push_back(make_noise_commit(n, 10'000));
  REQUIRE(opened->drain(group));
  const auto found = frames(world);
  CHECK(found.size() >= 10'000'000 / kFrameTargetBytes);
  CHECK(found.size() <= 45);
  for (const Verdict& frame : found) CHECK(frame.length <= frame_extent(kFrameTargetBytes));
  CHECK(world.read().found->commits == group);
}

TEST_CASE(
    "segment writer: a record of up to 2 MiB is alone in one frame, a longer one in several") {
  struct Shape {
    std::size_t record_bytes;
    std::vector<FrameKind> kinds;
  };
  constexpr std::size_t kMax = kMaxRawBytes;
  const std::vector<Shape> shapes = {
      {kFrameTargetBytes, {FrameKind::records}},
      {kFrameTargetBytes + 1, {FrameKind::records}},
      {kMax, {FrameKind::records}},
      {kMax + 1, {FrameKind::large_begin, FrameKind::large_end}},
      {2 * kMax, {FrameKind::large_begin, FrameKind::large_end}},
      {2 * kMax + 1, {FrameKind::large_begin, FrameKind::large_middle, FrameKind::large_end}},
  };
  for (const Shape& shape : shapes) {
    for (const bool direct : {true, false}) {
      support::SimStorageOptions machine;
      machine.direct_io = direct;
      LogWorld world(1, machine);
      auto opened = world.open();
      REQUIRE(opened);
      Commit large;
      std::size_t bytes = shape.record_bytes;
      while (kRecordHeaderBytes + entry_bytes(EntryKind::value, 3, bytes) > shape.record_bytes) {
        --bytes;
      }
      append_entry(large.entries, EntryKind::value, "key", std::string(bytes, 'v'));
      REQUIRE(kRecordHeaderBytes + large.entries.size() == shape.record_bytes);
      const std::vector<Commit> group = {make_commit(0), large, make_commit(2)};
      REQUIRE(opened->drain(group));
      std::vector<FrameKind> kinds;
      for (const Verdict& frame : frames(world)) kinds.push_back(frame.kind);
      REQUIRE(kinds.size() == shape.kinds.size() + 2);
      CHECK(std::equal(shape.kinds.begin(), shape.kinds.end(), kinds.begin() + 1));
      CHECK(world.read().found->commits == group);
      // Recovery copies them, where it must.
      CHECK(world.open()->found->commits == group);
      CHECK(world.open()->found->commits == group);
    }
  }
}

TEST_CASE("segment writer: a frame is compressed when that saves an eighth") {
  LogWorld world;
  auto opened = world.open({.compression = Compression::snappy});
  REQUIRE(opened);
  REQUIRE(opened->drain(make_commit(0, 100'000)));
  REQUIRE(opened->drain(make_noise_commit(1, 100'000)));
  REQUIRE(opened->drain(make_commit(2, 100)));
  const auto found = frames(world);
  REQUIRE(found.size() == 3);
  CHECK(found[0].codec == base::Codec::snappy);
  CHECK(found[0].length < 20'000);
  CHECK(found[1].codec == base::Codec::none);
  CHECK(found[2].codec == base::Codec::none);  // within one block there is nothing to save
}

TEST_CASE("segment writer: B2, what was drained is never written again") {
  for (const bool direct : {true, false}) {
    support::SimStorageOptions machine;
    machine.direct_io = direct;
    LogWorld world(1, machine);
    auto opened = world.open();
    REQUIRE(opened);
    // Whatever a later drain does to the disk, durable blocks stay as they are.
    for (std::uint64_t n = 0; n < 10; ++n) {
      const auto before = world.storage.contents(slot_path(0), support::SimStorage::View::durable);
      const std::uint64_t end = opened->log.writer->end().offset;
      CHECK(before.size() == end);
      CHECK(end % kBlockBytes == 0);
      REQUIRE(opened->drain(make_commit(n, 700 * n)));
      auto after = world.storage.contents(slot_path(0), support::SimStorage::View::durable);
      CHECK(after.size() == opened->log.writer->end().offset);
      after.resize(before.size());
      CHECK(after == before);
      const auto rule = world.storage.faults().add({.on = Op::write, .end = end});
      REQUIRE(opened->log.writer->mark(false));
      CHECK(world.storage.faults().hits(rule) == 0);
      world.storage.faults().clear();
    }
  }
}

TEST_CASE("segment writer: one_fsync_per_group, a drain is one write, and one sync if buffered") {
  for (const bool direct : {true, false}) {
    support::SimStorageOptions machine;
    machine.direct_io = direct;
    LogWorld world(1, machine);
    auto opened = world.open();
    REQUIRE(opened);
    std::vector<Commit> group;
    for (std::uint64_t n = 0; n < 300; ++n) group.push_back(make_noise_commit(n, 10'000));
    const std::uint64_t before = world.storage.mutations();
    REQUIRE(opened->drain(group));  // a dozen frames
    CHECK(world.storage.mutations() - before == (direct ? 1 : 2));
    REQUIRE(opened->drain(std::span<const Commit>()));
    CHECK(world.storage.mutations() - before == (direct ? 1 : 2));
  }
}

TEST_CASE(
    "segment writer: D1, D8, E1, L10, completion_errors_surface, after a failure it is dead") {
  for (const bool direct : {true, false}) {
    // The last: a file system that says after a durable write that it was shut down meanwhile.
    for (const Op op : {Op::write, Op::sync, Op::info}) {
      for (const int error : {EIO, ENOSPC, EROFS}) {
        if (direct && op == Op::sync) continue;  // there is none
        support::SimStorageOptions machine;
        machine.direct_io = direct;
        LogWorld world(1, machine);
        auto opened = world.open();
        REQUIRE(opened);
        REQUIRE(opened->drain(make_commit(0)));
        const LogPlace end = opened->log.writer->end();
        const base::Sequence next = opened->log.writer->next();
        world.storage.faults().add({.on = op, .error = error});
        const auto failed = opened->drain(make_commit(1));
        REQUIRE(!failed);
        CHECK(failed.error().os_error() == error);
        CHECK(failed.error().path() == "db/wal/0");
        CHECK(opened->log.writer->failure());
        CHECK(opened->log.writer->end() == end);
        CHECK(opened->log.writer->next() == next);

        // The disk is fine again, and is not asked any more.
        const std::uint64_t before = world.storage.operations();
        CHECK(opened->drain(make_commit(1)).error().os_error() == error);
        CHECK(opened->log.writer->mark(true).error().os_error() == error);
        CHECK(world.storage.operations() == before);
      }
    }
  }
}

TEST_CASE("segment writer: E1, a disk that fills up within a drain fails all of it") {
  for (std::uint64_t room = 0; room < 600'000; room += 50'000) {
    LogWorld world;
    auto opened = world.open();
    REQUIRE(opened);
    REQUIRE(opened->drain(make_commit(0)));
    world.storage.options().capacity_bytes = world.storage.used_bytes() + room;
    std::vector<Commit> group;
    for (std::uint64_t n = 1; n < 100; ++n) group.push_back(make_noise_commit(n, 10'000));
    const auto failed = opened->drain(group);
    REQUIRE(!failed);
    CHECK(failed.error().code() == ErrorCode::no_space);
    CHECK(opened->log.writer->next() == base::Sequence{2});
    world.storage.options().capacity_bytes = UINT64_MAX;
    // Nothing of it was acknowledged: the next open keeps what is whole, from the front.
    auto again = world.open();
    REQUIRE(again);
    CHECK(again->found->commits.size() <= room / 10'000 + 1);
    CHECK(again->found->commits.front() == make_commit(0));
    CHECK(again->drain(make_commit(1)));
  }
}

TEST_CASE("segment writer: C6, a record that changed in memory is never acknowledged") {
  for (const std::size_t size : {std::size_t{40}, std::size_t{300'000}, std::size_t{3} << 20}) {
    const Commit noise = make_noise_commit(1, size);
    for (std::uint64_t seed = 0; seed < 20; seed += size < 1'000'000 ? 1 : 5) {
      LogWorld world;
      support::Rng rng(seed);
      auto opened = world.open();
      REQUIRE(opened);
      SegmentWriter& writer = *opened->log.writer;
      Commit commit = noise;
      auto record = encode_record(writer.ring(), writer.next(), commit.count, commit.entries);
      if (seed < 10) {
        record.header[rng.below(kRecordHeaderBytes)] ^= std::byte{16};
      } else {
        commit.entries[rng.below(commit.entries.size())] ^= 1;
      }
      record.entries = commit.entries;
      const auto drained = writer.drain(range_of(record));
      REQUIRE(!drained);
      CHECK(drained.error().code() == ErrorCode::corruption);
      CHECK(writer.failure());
      CHECK(world.open()->found->commits.empty());
    }
  }
}

TEST_CASE("segment writer: C6, a record in the wrong place of the stream is refused") {
  LogWorld world;
  auto opened = world.open();
  REQUIRE(opened);
  SegmentWriter& writer = *opened->log.writer;
  const Commit commit = make_commit(1);
  RingPlace place = writer.ring();
  place.position += 1;
  const auto record = encode_record(place, writer.next(), commit.count, commit.entries);
  CHECK(writer.drain(range_of(record)).error().code() == ErrorCode::corruption);
}

TEST_CASE("segment writer: a mark vouches for what is before it, a clean end is the last") {
  LogWorld world;
  auto opened = world.open();
  REQUIRE(opened);
  REQUIRE(opened->drain(make_commit(0)));
  REQUIRE(opened->log.writer->mark(false));
  CHECK_FALSE(world.read().state->clean_end);
  REQUIRE(opened->log.writer->mark(true));
  const auto reading = world.read();
  CHECK(reading.state->clean_end);
  CHECK(reading.found->count(PieceState::mark) == 2);
  CHECK(reading.state->next == base::Sequence{2});
  CHECK(opened->drain(make_commit(1)).error().code() == ErrorCode::closed);
  CHECK(opened->log.writer->mark(true).error().code() == ErrorCode::closed);

  world.storage.flip_bit(slot_path(0), (kFirstFrameOffset + 100) * 8);
  CHECK(world.read().state.error().code() == ErrorCode::corruption);
}
