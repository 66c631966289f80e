// What a scan makes of a log that is torn, damaged, or somebody else's.
#include "wal/wal_scanner.h"

#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/forge.h"
#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

/// The first segment, with commits 0 to `count` - 1, a frame and a drain each.
Forge forge_commits(std::uint64_t count) {
  Forge forge(test_header(1));
  for (std::uint64_t n = 0; n < count; ++n) forge.commit(make_commit(n));
  return forge;
}

std::vector<Commit> commits_up_to(std::uint64_t count) {
  std::vector<Commit> commits;
  for (std::uint64_t n = 0; n < count; ++n) commits.push_back(make_commit(n));
  return commits;
}

void check_corrupt(LogWorld& world, std::string_view what) {
  const auto reading = world.read();
  REQUIRE(!reading.state);
  CHECK(reading.state.error().code() == ErrorCode::corruption);
  CHECK_MESSAGE(reading.state.error().message().find(what) != std::string_view::npos,
                reading.state.error().to_string());
}

std::vector<std::byte> zeros(std::size_t count) { return std::vector<std::byte>(count); }

}  // namespace

TEST_CASE("wal scanner: a log is told piece by piece") {
  LogWorld world;
  Forge forge = forge_commits(2);
  forge.frame(forge.proper(FrameKind::mark)).raw(zeros(kBlockBytes)).plant(world, 0);
  const auto reading = world.read();
  REQUIRE_MESSAGE(reading.state, reading.state.error().to_string());
  CHECK(reading.found->commits == commits_up_to(2));
  CHECK(reading.found->verdicts_before == std::vector<std::size_t>{2, 3});  // the headers are first
  const auto& pieces = reading.found->verdicts;
  REQUIRE(pieces.size() == 5);
  CHECK(pieces[0].state == PieceState::valid);
  CHECK(pieces[0].length == kFirstFrameOffset);
  CHECK(pieces[2].state == PieceState::valid);
  CHECK(pieces[2].offset == kFirstFrameOffset + kBlockBytes);
  CHECK(pieces[2].first == base::Sequence{2});
  CHECK(pieces[2].operations == 2);
  CHECK(pieces[2].segment == base::SegmentId{1});
  CHECK(pieces[2].slot == "0");
  CHECK(pieces[3].state == PieceState::mark);
  CHECK(pieces[4].state == PieceState::unused);
  CHECK(reading.state->end() == LogPlace{base::SegmentId{1}, pieces[4].offset});
}

TEST_CASE("wal scanner: A11, torn_tail_opens, zeros are the end") {
  LogWorld world;
  forge_commits(3).raw(zeros(64 * kBlockBytes)).plant(world, 0);
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits_up_to(3));
  CHECK(reading.state->dropped_bytes == 0);
}

TEST_CASE("wal scanner: A10, A14, torn_tail_opens, garbage behind the last frame is dropped") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    LogWorld world;
    support::Rng rng(seed);
    std::vector<std::byte> garbage(rng.between(1, 5 * kBlockBytes));
    for (auto& byte : garbage) byte = static_cast<std::byte>(rng.next() | 1);
    const std::size_t size = garbage.size();
    forge_commits(3).raw(garbage).plant(world, 0);
    const auto reading = world.read();
    REQUIRE(reading.state);
    CHECK(reading.found->commits == commits_up_to(3));
    CHECK(reading.state->dropped_bytes == size);
    REQUIRE(reading.found->find(PieceState::torn_tail) != nullptr);
    CHECK(reading.found->find(PieceState::torn_tail)->length == size);
    CHECK(world.open());
  }
}

TEST_CASE("wal scanner: A10, a last frame that is cut anywhere is dropped whole") {
  Forge whole = forge_commits(2);
  whole.commit(make_noise_commit(2, 3 * kBlockBytes));
  const std::uint64_t begin = kFirstFrameOffset + 2 * kBlockBytes;
  for (std::uint64_t size = begin; size < whole.bytes().size() - kBlockBytes; size += 512) {
    LogWorld world;
    Forge cut = whole;
    cut.bytes().resize(size);
    cut.plant(world, 0);
    const auto reading = world.read();
    REQUIRE(reading.state);
    CHECK(reading.found->commits == commits_up_to(2));
    CHECK(reading.state->end().offset == begin);
  }
}

TEST_CASE("wal scanner: B1, a sector of the last frame that was not written drops the frame") {
  Forge whole = forge_commits(2);
  whole.commit(make_noise_commit(2, 3 * kBlockBytes));
  const std::size_t begin = kFirstFrameOffset + 2 * kBlockBytes;
  for (std::size_t sector = begin; sector + 512 < whole.bytes().size() - kBlockBytes;
       sector += 512) {
    for (const std::byte fill : {std::byte{0}, std::byte{0xa5}}) {
      LogWorld world;
      Forge torn = whole;
      std::ranges::fill(std::span(torn.bytes()).subspan(sector, 512), fill);
      torn.plant(world, 0);
      const auto reading = world.read();
      REQUIRE(reading.state);
      CHECK(reading.found->commits == commits_up_to(2));
    }
  }
}

TEST_CASE("wal scanner: a hole in the last drain is a torn tail, later frames of it do not count") {
  LogWorld world;
  Forge forge = forge_commits(2);
  const std::uint64_t hole = forge.end().offset + kBlockBytes;
  forge.begin_drain();
  for (std::uint64_t n = 2; n < 5; ++n) forge.commit(make_commit(n));
  forge.bytes()[hole + 100] ^= std::byte{1};
  forge.plant(world, 0);
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits_up_to(3));
  CHECK(reading.state->dropped_bytes == 2 * kBlockBytes);
}

TEST_CASE("wal scanner: C4, C8, midlog_corruption_is_reported with place and values") {
  for (const std::size_t at : {0U, 2U, 5U, 13U, 30U, 97U, 120U}) {  // header and payload
    LogWorld world;
    Forge forge = forge_commits(4);
    const std::size_t second = kFirstFrameOffset + kBlockBytes;
    forge.bytes()[second + at] ^= std::byte{0x10};
    forge.plant(world, 0);
    const auto reading = world.read();
    REQUIRE(!reading.state);
    const Error& error = reading.state.error();
    CHECK(error.code() == ErrorCode::corruption);
    CHECK(error.path() == "db/wal/0");
    CHECK(error.offset() == second);
    CHECK(error.has_mismatch() == (at >= 4));  // without the magic there is nothing to compare
    REQUIRE(reading.found->find(PieceState::damaged) != nullptr);
    CHECK(reading.found->find(PieceState::damaged)->offset == second);
    // Opening changes nothing.
    const auto before = world.storage.tree();
    CHECK(world.open().error().code() == ErrorCode::corruption);
    CHECK(world.storage.tree() == before);
  }
}

TEST_CASE("wal scanner: truncate ends before the damage and tells what is behind it") {
  LogWorld world;
  Forge forge = forge_commits(5);
  forge.bytes()[kFirstFrameOffset + 2 * kBlockBytes + 100] ^= std::byte{1};
  forge.raw(zeros(3 * kBlockBytes)).plant(world, 0);
  const auto reading = world.read(RecoveryMode::truncate);
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits_up_to(2));
  CHECK(reading.found->lost_commits == std::vector{make_commit(3), make_commit(4)});
  REQUIRE(reading.state->damage);
  CHECK(reading.state->damage->offset() == kFirstFrameOffset + 2 * kBlockBytes);
  CHECK(reading.state->next == forge.next());
  CHECK(reading.found->count(PieceState::damaged) == 1);
  CHECK(reading.found->count(PieceState::given_up) == 2);
  CHECK(reading.found->count(PieceState::unused) == 1);
  CHECK(reading.found->find(PieceState::damaged)->length == kBlockBytes);
}

TEST_CASE("wal scanner: a live log is read once more before it is called damaged") {
  // One bit of one read is wrong. A log that ends in a mark loses nothing to it.
  LogWorld world;
  Forge forge = forge_commits(4);
  forge.frame(forge.proper(FrameKind::mark)).plant(world, 0);
  int strict_failures = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    for (const bool read_only : {true, false}) {
      support::SimStorage storage(world.storage.snapshot(), seed);
      storage.faults().add({.on = support::Op::read,
                            .effect = support::Effect::flip_bit,
                            .skip = 1});  // the headers are read first
      auto wal = storage.open_directory("db/wal");
      REQUIRE(wal);
      io::Channel channel(*storage.make_queue(4));
      Collector found;
      const auto state = scan_log(**wal, channel, {.read_only = read_only}, found);
      if (!state) ++strict_failures;
      if (read_only) REQUIRE(state);
      if (state) CHECK(found.commits == commits_up_to(4));
    }
  }
  CHECK(strict_failures > 0);
}

TEST_CASE("wal scanner: one bad copy of a header is named, and the other one is enough") {
  for (const std::size_t copy : {0U, 1U}) {
    LogWorld world;
    Forge forge = forge_commits(2);
    forge.bytes()[copy * kBlockBytes + 60] ^= std::byte{4};
    forge.plant(world, 0);
    const auto reading = world.read();
    REQUIRE(reading.state);
    CHECK(reading.found->commits == commits_up_to(2));
    REQUIRE(reading.found->find(PieceState::damaged) != nullptr);
    CHECK(reading.found->find(PieceState::damaged)->offset == copy * kBlockBytes);
    CHECK(reading.found->find(PieceState::damaged)->actual != 0);
  }
}

TEST_CASE("wal scanner: C3, a segment without a valid header is corruption, not an older state") {
  LogWorld world;
  Forge first = forge_commits(2);
  Forge second(test_header(2, first.end(), first.next()));
  second.commit(make_commit(2));
  second.bytes()[60] ^= std::byte{4};
  second.bytes()[kBlockBytes + 60] ^= std::byte{4};
  first.plant(world, 0);
  second.plant(world, 1);
  check_corrupt(world, "segment header");
  const auto reading = world.read(RecoveryMode::truncate);
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits_up_to(2));
  CHECK(reading.state->given_up == std::vector<std::string>{"1"});
}

TEST_CASE("wal scanner: B5, a segment whose headers were lost is corruption, not an older state") {
  LogWorld world;
  Forge first = forge_commits(2);
  Forge second(test_header(2, first.end(), first.next()));
  second.commit(make_commit(2));
  std::fill_n(second.bytes().begin(), kFirstFrameOffset, std::byte{});
  SUBCASE("the newest") { first.plant(world, 0); }
  SUBCASE("the only one") {}
  second.plant(world, 1);
  check_corrupt(world, "all zeros");
}

TEST_CASE("wal scanner: a slot of zeros is unused, a shorter one is damaged") {
  LogWorld world;
  forge_commits(1).plant(world, 0);
  world.storage.plant(slot_path(1), zeros(kFirstFrameOffset + kBlockBytes));
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->count(PieceState::unused) == 1);
  CHECK(reading.state->unused == std::vector<std::string>{"1"});
  world.storage.plant(slot_path(2), zeros(kBlockBytes));
  check_corrupt(world, "segment header");
}

TEST_CASE("wal scanner: a header that was being written is read again beside a live writer") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    LogWorld world(seed);
    forge_commits(2).plant(world, 0);
    world.storage.faults().add({.on = support::Op::read,
                                .path = slot_path(0),
                                .effect = support::Effect::zero_sector,
                                .end = kSegmentHeaderBytes});
    const auto reading = world.read();
    REQUIRE(reading.state);
    CHECK(reading.found->count(PieceState::damaged) == 0);
  }
}

TEST_CASE("wal scanner: A4, a missing segment is corruption") {
  LogWorld world;
  Forge first = forge_commits(2);
  Forge second(test_header(2, first.end(), first.next()));
  second.commit(make_commit(2));
  Forge third(test_header(3, second.end(), second.next()));
  third.commit(make_commit(3));
  SUBCASE("in the middle: what was before it can be kept") {
    first.plant(world, 0);
    third.plant(world, 2);
    check_corrupt(world, "missing");
    const auto reading = world.read(RecoveryMode::truncate);
    REQUIRE(reading.state);
    CHECK(reading.found->commits == commits_up_to(2));
    CHECK(reading.state->given_up == std::vector<std::string>{"2"});
    CHECK(reading.state->next == third.next());
    // Not even what is given up loses its id to a new segment.
    const auto opened = world.open({.recovery = RecoveryMode::truncate});
    REQUIRE(opened);
    CHECK(opened->log.writer->end().segment == base::SegmentId{4});
    CHECK(world.storage.exists("db/wal/2.damaged"));
    CHECK(world.read().found->commits == commits_up_to(2));
  }
  SUBCASE("at the beginning: nothing can") {
    second.plant(world, 1);
    third.plant(world, 2);
    check_corrupt(world, "missing");
    CHECK(!world.read(RecoveryMode::truncate).state);
  }
}

TEST_CASE(
    "wal scanner: A4, a segment that ends before the place its successor names is corruption") {
  LogWorld world;
  Forge first = forge_commits(2);
  LogPlace end = first.end();
  SUBCASE("cut") { first.bytes().resize(first.bytes().size() - kBlockBytes); }
  SUBCASE("zeroed") {
    std::fill(first.bytes().end() - kBlockBytes, first.bytes().end(), std::byte{});
  }
  SUBCASE("named too late") { end.offset += kBlockBytes; }
  SUBCASE("named in the middle of a frame") {
    first.commit(make_noise_commit(2, 2 * kBlockBytes));
    end.offset += kBlockBytes;
  }
  Forge second(test_header(2, end, base::Sequence{10}));
  first.plant(world, 0);
  second.plant(world, 1);
  CHECK(world.read().state.error().code() == ErrorCode::corruption);
}

TEST_CASE("wal scanner: a segment that does not continue the records before it is given up whole") {
  LogWorld world;
  Forge first = forge_commits(2);
  SegmentHeader header = test_header(2, first.end(), first.next());
  SUBCASE("in the ring") { header.ring.position += 100; }
  SUBCASE("in its sequences") { header.first = base::Sequence{1}; }
  first.plant(world, 0);
  Forge(header).commit(make_commit(2)).plant(world, 1);
  CHECK(world.read().state.error().code() == ErrorCode::corruption);
  const auto opened = world.open({.recovery = RecoveryMode::truncate});
  REQUIRE(opened);
  CHECK(opened->log.recovered.given_up == std::vector<std::string>{"1"});
  const auto again = world.open();  // nothing is left to complain about
  REQUIRE_MESSAGE(again, again.error().to_string());
  CHECK(again->found->commits == commits_up_to(2));
}

TEST_CASE(
    "wal scanner: a first segment that begins in the middle of a stream cannot be truncated") {
  LogWorld world;
  SegmentHeader header = test_header(1);
  header.ring.position += 100;
  Forge(header).plant(world, 0);
  CHECK(world.read(RecoveryMode::truncate).state.error().code() == ErrorCode::corruption);
  CHECK(world.open({.recovery = RecoveryMode::truncate}).error().code() == ErrorCode::corruption);
}

TEST_CASE("wal scanner: bytes behind the end that the successor names are void") {
  LogWorld world;
  Forge first = forge_commits(2);
  Forge second(test_header(2, first.end(), first.next()));
  second.commit(make_commit(2));
  first.commit(make_commit(7));  // a drain that failed, and was not recovered
  first.plant(world, 0);
  second.plant(world, 1);
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits_up_to(3));
  CHECK(reading.found->count(PieceState::voided) == 1);
}

TEST_CASE("wal scanner: of two successors the newer one counts, the other goes at the next open") {
  LogWorld world;
  Forge first = forge_commits(2);
  Forge older(test_header(2, first.end(), first.next()));
  older.commit(make_commit(7));
  Forge child(test_header(3, older.end(), older.next()));
  Forge newer(test_header(4, first.end(), first.next()));
  newer.commit(make_commit(2));
  first.plant(world, 0);
  older.plant(world, 1);
  child.plant(world, 2);
  newer.plant(world, 3);
  const auto opened = world.open();
  REQUIRE_MESSAGE(opened, opened.error().to_string());
  CHECK(opened->found->commits == commits_up_to(3));
  CHECK(opened->log.recovered.replaced.size() == 2);
  CHECK(opened->log.writer->end().segment == base::SegmentId{5});
  CHECK_FALSE(world.storage.exists(slot_path(1)));
  CHECK_FALSE(world.storage.exists(slot_path(2)));
  CHECK(world.storage.exists(slot_path(0)));
}

TEST_CASE("wal scanner: C9, a segment of another store, or a second copy of one, is corruption") {
  LogWorld world;
  Forge first = forge_commits(2);
  first.plant(world, 0);
  SUBCASE("another store") {
    SegmentHeader header = test_header(2, first.end(), first.next());
    header.store.bytes.fill(std::byte{6});
    Forge(header).plant(world, 1);
    check_corrupt(world, "two stores");
  }
  SUBCASE("a copy") {
    first.plant(world, 1);
    check_corrupt(world, "is also in slot");
  }
  CHECK(!world.read(RecoveryMode::truncate).state);
}

TEST_CASE("wal scanner: A12, frames of another or an older segment never count") {
  Forge older = forge_commits(3);
  LogWorld world;
  Forge newer(test_header(2));
  SUBCASE("at the same offset") {
    newer.commit(make_commit(0)).raw(std::span(older.bytes()).subspan(newer.end().offset));
  }
  SUBCASE("at another offset") {
    newer.commit(make_commit(0)).raw(std::span(older.bytes()).subspan(kFirstFrameOffset));
  }
  SUBCASE("its own, misdirected") {
    newer.commit(make_commit(0));
    const std::vector<std::byte> frame(newer.bytes().begin() + kFirstFrameOffset,
                                       newer.bytes().end());
    newer.raw(frame);
  }
  newer.plant(world, 0);
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits_up_to(1));
  CHECK(reading.state->dropped_bytes > 0);
}

TEST_CASE("wal scanner: A13, a large record without its end was never written") {
  LogWorld world;
  {
    auto opened = world.open();
    REQUIRE(opened);
    REQUIRE(opened->drain(make_commit(0)));
    REQUIRE(opened->drain(make_noise_commit(1, 5 << 20)));
  }
  auto bytes = world.storage.contents(slot_path(0));
  CHECK(world.read().found->commits.size() == 2);
  bytes.resize(bytes.size() - 16 * kBlockBytes);
  world.storage.plant(slot_path(0), bytes);
  const auto reading = world.read();
  REQUIRE(reading.state);
  CHECK(reading.found->commits == commits_up_to(1));
  CHECK(reading.state->end().offset == kFirstFrameOffset + kBlockBytes);
  CHECK(reading.found->count(PieceState::torn_tail) == 3);  // two pieces, and the rest of the third
  const auto opened = world.open();
  REQUIRE(opened);
  CHECK(opened->found->commits == commits_up_to(1));
  CHECK(world.open()->found->commits == commits_up_to(1));
}

TEST_CASE("wal scanner: N1, a newer format and unknown features are refused by name") {
  struct Field {
    std::size_t offset;
    std::byte value;
    std::string_view name;
    bool read_only_is_fine;
  };
  for (const Field& field :
       {Field{12, std::byte{2}, "version 2", false}, Field{16, std::byte{8}, "0x8", false},
        Field{24, std::byte{4}, "0x4", true}}) {
    LogWorld world;
    Forge forge = forge_commits(1);
    for (const std::size_t copy : {std::size_t{0}, kBlockBytes}) {
      const auto header = std::span(forge.bytes()).subspan(copy, kSegmentHeaderBytes);
      header[field.offset] = field.value;
      base::Writer(header.subspan(8, 4))
          .u32(base::seal_crc32c(base::crc32c(0, header.subspan(12))));
    }
    forge.plant(world, 0);
    for (const auto mode : {RecoveryMode::strict, RecoveryMode::truncate}) {
      const auto opened = world.open({.recovery = mode});
      REQUIRE(!opened);
      CHECK(opened.error().code() == ErrorCode::unsupported);
      CHECK(opened.error().message().find(field.name) != std::string_view::npos);
      CHECK(world.read(mode).state.has_value() == field.read_only_is_fine);
    }
    CHECK(world.storage.tree().size() == 1);
  }
}

TEST_CASE("wal scanner: a frame behind the clean end is corruption, other bytes there are void") {
  for (const bool has_frame : {true, false}) {
    LogWorld world;
    Forge forge = forge_commits(2);
    FrameHeader end = forge.proper(FrameKind::mark);
    end.flags = kCleanEnd;
    forge.frame(end);
    if (has_frame) {
      forge.commit(make_commit(2));
    } else {
      forge.raw(std::vector<std::byte>(kBlockBytes, std::byte{7}));
    }
    forge.plant(world, 0);
    const auto reading = world.read();
    CHECK(reading.state.has_value() == !has_frame);
    if (has_frame) CHECK(reading.state.error().code() == ErrorCode::corruption);
    const auto truncated = world.open({.recovery = RecoveryMode::truncate});
    REQUIRE(truncated);
    CHECK(truncated->found->commits == commits_up_to(2));
  }
}
