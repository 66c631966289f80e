// Logs that somebody changed: bit by bit, or with right checksums over wrong content.
#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/compression.h"
#include "wal/forge.h"
#include "wal/log_world.h"
#include "wal/wal_scanner.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

void check_corrupt(const Forge& forge, std::string_view what) {
  LogWorld world;
  forge.plant(world, 0);
  for (const auto mode : {RecoveryMode::strict, RecoveryMode::truncate}) {
    const auto reading = world.read(mode);
    const bool is_strict = mode == RecoveryMode::strict;
    REQUIRE(reading.state.has_value() == !is_strict);
    const Error& error = is_strict ? reading.state.error() : *reading.state->damage;
    CHECK(error.code() == ErrorCode::corruption);
    CHECK(error.path() == "db/wal/0");
    CHECK_MESSAGE(error.message().find(what) != std::string_view::npos, error.to_string());
    // What was before it, and nothing of it.
    CHECK(reading.found->commits == std::vector{make_commit(0)});
  }
}

/// A log with one commit, for something bad to follow.
Forge forge_one() {
  Forge forge(test_header(1));
  forge.commit(make_commit(0));
  return forge;
}

std::vector<std::byte> payload_of(const EncodedRecord& record) {
  std::vector<std::byte> payload(record.header.begin(), record.header.end());
  const auto entries = base::as_bytes(record.entries);
  payload.insert(payload.end(), entries.begin(), entries.end());
  return payload;
}

FrameHeader header_for(const Forge& forge, std::size_t payload_bytes) {
  FrameHeader header = forge.proper(FrameKind::records);
  header.raw_bytes = header.stored_bytes = static_cast<std::uint32_t>(payload_bytes);
  header.records = 1;
  header.operations = 1;
  header.ring.position += payload_bytes;
  return header;
}

/// A piece of a large record of `record_bytes`, as its begin or something behind it.
FrameHeader large_header(const Forge& forge, FrameKind kind, std::uint64_t record_bytes) {
  FrameHeader header = forge.proper(kind);
  header.raw_bytes = header.stored_bytes = kMaxRawBytes;
  header.records = header.operations = kind == FrameKind::large_begin ? 1 : 0;
  if (kind == FrameKind::large_end) header.ring.position += record_bytes;
  return header;
}

std::vector<std::byte> large_begin(std::uint32_t length) {
  std::vector<std::byte> payload(kMaxRawBytes);
  base::Writer writer(payload);
  writer.u32(length);
  return payload;
}

}  // namespace

TEST_CASE("hostile log: C4, C5, page_crc_detects_every_flip, an error or nothing lost") {
  LogWorld world;
  std::vector<Commit> commits;
  for (std::uint64_t open = 0; open < 2; ++open) {
    auto opened = world.open({.compression = Compression::snappy});
    REQUIRE(opened);
    for (std::uint64_t n = 0; n < 2; ++n) {
      commits.push_back(make_commit(commits.size(), n == 0 ? 30 : 6000));
      REQUIRE(opened->drain(commits.back()));
    }
    REQUIRE(opened->log.writer->mark(true));
  }
  std::uint64_t refused = 0;
  for (const std::uint64_t slot : {0U, 1U}) {
    const std::uint64_t size = world.storage.contents(slot_path(slot)).size();
    for (std::uint64_t byte = 0; byte < size; ++byte) {
      // The first bytes of a block hold whatever there is in it; of the rest a sample is enough.
      if (byte % kBlockBytes >= 300 && byte % 101 != 0) continue;
      const std::uint64_t bit = byte * 8 + byte % 8;
      world.storage.flip_bit(slot_path(slot), bit);
      const auto reading = world.read();
      refused += reading.state ? 0 : 1;
      if (reading.state) CHECK(reading.found->commits == commits);
      if (!reading.state) CHECK(reading.state.error().code() == ErrorCode::corruption);
      world.storage.flip_bit(slot_path(slot), bit);
    }
  }
  CHECK(refused > 800);
  CHECK(world.read().found->commits == commits);
}

TEST_CASE(
    "hostile log: a flip in the last drain, which nothing vouches for, loses that drain only") {
  LogWorld world;
  Forge forge = forge_one();
  const std::uint64_t last = forge.end().offset;
  forge.commit(make_commit(1)).plant(world, 0);
  for (std::uint64_t bit = last * 8; bit < (last + 150) * 8; ++bit) {
    world.storage.flip_bit(slot_path(0), bit);
    const auto reading = world.read();
    REQUIRE(reading.state);
    CHECK(reading.found->commits == std::vector{make_commit(0)});
    CHECK(reading.state->dropped_bytes == kBlockBytes);
    world.storage.flip_bit(slot_path(0), bit);
  }
}

TEST_CASE("hostile log: L1, L2, L9, wrong records under right checksums are corruption") {
  Forge forge = forge_one();
  const Commit commit = make_commit(3);  // of one entry
  auto payload = payload_of(encode_record(forge.ring(), forge.next(), 1, commit.entries));
  SUBCASE("a giant length") {
    base::Writer(std::span(payload).first(4)).u32(0xffff'ffff);
    check_corrupt(forge.frame(header_for(forge, payload.size()), payload), "longer than");
  }
  SUBCASE("a length that ends inside") {
    base::Writer(std::span(payload).first(4)).u32(5);
    check_corrupt(forge.frame(header_for(forge, payload.size()), payload), "checksum");
  }
  SUBCASE("a wrong checksum") {
    payload.back() ^= std::byte{1};
    check_corrupt(forge.frame(header_for(forge, payload.size()), payload), "checksum");
  }
  SUBCASE("rest of less than a header") {
    payload.resize(payload.size() + 7);
    check_corrupt(forge.frame(header_for(forge, payload.size()), payload), "cut off");
  }
  SUBCASE("entries that are none") {
    const auto bad = encode_record(forge.ring(), forge.next(), 1, "\x01\xff\xff");
    payload = payload_of(bad);
    check_corrupt(forge.frame(header_for(forge, payload.size()), payload), "does not fit");
  }
}

TEST_CASE("hostile log: L4, L9, a frame header that does not fit its records is corruption") {
  Forge forge = forge_one();
  const Commit commit = make_commit(3);  // of one entry
  auto payload = payload_of(encode_record(forge.ring(), forge.next(), 1, commit.entries));
  SUBCASE("a wrong count of records") {
    FrameHeader header = header_for(forge, payload.size());
    header.records = header.operations = 2;
    check_corrupt(forge.frame(header, payload), "does not describe");
  }
  SUBCASE("a wrong count of operations") {
    FrameHeader header = header_for(forge, payload.size());
    header.operations = 2;
    check_corrupt(forge.frame(header, payload), "does not describe");
  }
  SUBCASE("a wrong first sequence") {
    const auto later = encode_record(forge.ring(), forge.next() + 5, 1, commit.entries);
    check_corrupt(forge.frame(header_for(forge, payload.size()), payload_of(later)),
                  "does not describe");
  }
  SUBCASE("a sequence that was given before") {
    const auto again = encode_record(forge.ring(), base::Sequence{1}, 1, commit.entries);
    FrameHeader header = header_for(forge, payload.size());
    header.first = base::Sequence{1};
    check_corrupt(forge.frame(header, payload_of(again)), "backwards");
  }
  SUBCASE("a sequence that an earlier record of the frame has") {
    const RingPlace second{forge.ring().session, forge.ring().position + payload.size()};
    const auto twin = payload_of(encode_record(second, forge.next(), 1, commit.entries));
    payload.insert(payload.end(), twin.begin(), twin.end());
    FrameHeader header = header_for(forge, payload.size());
    header.records = header.operations = 2;
    check_corrupt(forge.frame(header, payload), "backwards");
  }
  SUBCASE("a gap in the ring") {
    FrameHeader header = header_for(forge, payload.size());
    header.ring.position += 1;
    check_corrupt(forge.frame(header, payload), "does not continue");
  }
  SUBCASE("a session that begins in the middle") {
    FrameHeader header = header_for(forge, payload.size());
    header.ring.session = base::SessionId{99};
    check_corrupt(forge.frame(header, payload), "does not continue");
  }
  SUBCASE("more than the ring position allows") {
    FrameHeader header = header_for(forge, payload.size());
    header.ring = {base::SessionId{99}, base::RingPosition{1}};
    check_corrupt(forge.frame(header, payload), "ring position");
  }
  SUBCASE("a mark somewhere else") {
    FrameHeader mark = forge.proper(FrameKind::mark);
    mark.ring.position += 1;
    check_corrupt(forge.frame(mark), "mark");
  }
}

TEST_CASE("hostile log: an entry of a newer version is refused by name in both modes") {
  LogWorld world;
  Forge forge = forge_one();
  const auto record = encode_record(forge.ring(), forge.next(), 1, "\x06\x01k");
  const auto payload = payload_of(record);
  forge.frame(header_for(forge, payload.size()), payload).plant(world, 0);
  for (const auto mode : {RecoveryMode::strict, RecoveryMode::truncate}) {
    const auto reading = world.read(mode);
    REQUIRE(!reading.state);
    CHECK(reading.state.error().code() == ErrorCode::unsupported);
    CHECK(reading.state.error().message().find("merge") != std::string_view::npos);
    CHECK(reading.state.error().offset() == kFirstFrameOffset + kBlockBytes);
  }
}

TEST_CASE("hostile log: N4, a frame of an unknown kind, codec or flag is refused, not dropped") {
  for (int field = 0; field < 3; ++field) {
    LogWorld world;
    Forge forge = forge_one();
    FrameHeader header = forge.proper(FrameKind::mark);
    if (field == 0) header.kind = FrameKind{9};
    if (field == 1) header.codec = base::Codec{9};
    if (field == 2) header.flags = 0x80;
    forge.frame(header).plant(world, 0);
    CHECK(world.read(RecoveryMode::truncate).state.error().code() == ErrorCode::unsupported);
    CHECK(world.open().error().code() == ErrorCode::unsupported);
  }
}

TEST_CASE("hostile log: L5, a frame that decompresses to something else is corruption") {
  Forge forge = forge_one();
  const std::string raw(10'000, 'x');
  std::vector<std::byte> stored(base::max_compressed_size(base::Codec::snappy, raw.size()));
  const auto size = base::compress(base::Codec::snappy, base::as_bytes(raw), stored);
  REQUIRE(size);
  REQUIRE(*size);
  stored.resize(**size);
  FrameHeader header = header_for(forge, raw.size());
  header.codec = base::Codec::snappy;
  SUBCASE("a bomb") {
    stored = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0x7f}};
  }
  SUBCASE("longer") { header.raw_bytes = 9'999; }
  SUBCASE("shorter") { header.raw_bytes = 10'001; }
  SUBCASE("cut") { stored.pop_back(); }
  SUBCASE("empty") { stored.clear(); }
  header.stored_bytes = static_cast<std::uint32_t>(stored.size());
  check_corrupt(forge.frame(header, stored), "");
}

TEST_CASE("hostile log: L1, L6, pieces of large records out of order or size are corruption") {
  Forge forge = forge_one();
  constexpr std::uint32_t kLength = 5U << 20;  // of entries: three pieces
  constexpr std::uint64_t kRecord = kLength + kRecordHeaderBytes;
  const std::vector<std::byte> piece(kMaxRawBytes);
  const auto begin = large_header(forge, FrameKind::large_begin, kRecord);
  const auto middle = large_header(forge, FrameKind::large_middle, kRecord);
  const auto end = large_header(forge, FrameKind::large_end, kRecord);
  SUBCASE("of a giant record") {
    check_corrupt(forge.frame(begin, large_begin(0xffff'ffff)), "out of range");
  }
  SUBCASE("of a small record") {
    check_corrupt(forge.frame(begin, large_begin(1000)), "out of range");
  }
  SUBCASE("a begin that is short") {
    FrameHeader header = begin;
    header.raw_bytes = header.stored_bytes = 100;
    check_corrupt(forge.frame(header, large_begin(kLength)), "out of range");
  }
  SUBCASE("a middle without a begin") { check_corrupt(forge.frame(middle, piece), "out of order"); }
  SUBCASE("an end without a begin") { check_corrupt(forge.frame(end, piece), "out of order"); }
  SUBCASE("a record before the end") {
    forge.frame(begin, large_begin(kLength));
    check_corrupt(forge.commit(make_commit(1)), "out of order");
  }
  SUBCASE("a second begin") {
    forge.frame(begin, large_begin(kLength));
    check_corrupt(forge.frame(begin, large_begin(kLength)), "out of order");
  }
  SUBCASE("too many middles") {
    forge.frame(begin, large_begin(kLength)).frame(middle, piece);
    check_corrupt(forge.frame(middle, piece), "of another one");
  }
  SUBCASE("a middle that is short") {
    FrameHeader header = middle;
    header.raw_bytes = header.stored_bytes = 100;
    check_corrupt(forge.frame(begin, large_begin(kLength)).frame(header, piece), "of another one");
  }
  SUBCASE("an end of the wrong size") {
    check_corrupt(forge.frame(begin, large_begin(kLength)).frame(end, piece), "of another one");
  }
  SUBCASE("a record that does not match its checksum") {
    FrameHeader header = end;
    header.raw_bytes = header.stored_bytes = kRecord - 2 * kMaxRawBytes;
    forge.frame(begin, large_begin(kLength)).frame(middle, piece).frame(header, piece);
    check_corrupt(forge, "");
  }
}

TEST_CASE("hostile log: L6, segments that name each other as predecessors come to an end") {
  LogWorld world;
  const LogPlace end{base::SegmentId{2}, kFirstFrameOffset};
  Forge(test_header(3, end)).plant(world, 0);
  Forge(test_header(2, {base::SegmentId{1}, kFirstFrameOffset})).plant(world, 1);
  CHECK(world.read().state.error().code() == ErrorCode::corruption);
  CHECK(world.read(RecoveryMode::truncate).state.error().code() == ErrorCode::corruption);
}

TEST_CASE("hostile log: a segment after which no id is left is corruption, and nothing is made") {
  LogWorld world;
  Forge(test_header(UINT64_MAX)).plant(world, 0);
  const auto changes = world.storage.mutations();
  const auto opened = world.open();
  REQUIRE(!opened);
  CHECK(opened.error().code() == ErrorCode::corruption);
  CHECK(world.storage.mutations() == changes);
}

TEST_CASE(
    "hostile log: an end far beyond the file, and a watermark far ahead, are just corruption") {
  LogWorld world;
  Forge first = forge_one();
  SUBCASE("end") {
    Forge(test_header(2, {base::SegmentId{1}, 1ULL << 60}, first.next())).plant(world, 1);
  }
  SUBCASE("watermark") {
    FrameHeader mark = first.proper(FrameKind::mark);
    mark.watermark = {base::SegmentId{UINT64_MAX}, UINT64_MAX};
    first.raw(std::vector<std::byte>(kBlockBytes)).frame(mark);
  }
  first.plant(world, 0);
  const auto reading = world.read();
  REQUIRE(!reading.state);
  CHECK(reading.state.error().code() == ErrorCode::corruption);
  CHECK(reading.found->commits == std::vector{make_commit(0)});
}

TEST_CASE("hostile log: a huge hole is an error, found without reading it") {
  support::SimStorageOptions machine;
  machine.max_file_bytes = std::uint64_t{16} << 30;
  LogWorld world(1, machine);
  {
    auto opened = world.open();
    REQUIRE(opened);
    REQUIRE(opened->drain(make_commit(0)));
  }
  auto wal = *(*world.storage.open_directory(kStore))->open_directory("wal");
  REQUIRE((*wal->open("0", {.access = io::Access::read_write}))->resize(std::uint64_t{8} << 30));
  for (const auto mode : {RecoveryMode::strict, RecoveryMode::truncate}) {
    const auto opened = world.open({.recovery = mode});
    REQUIRE(!opened);
    CHECK(opened.error().code() == ErrorCode::corruption);
  }
}

TEST_CASE(
    "hostile log: L9, J10, no frame that is given up moves the sequences beyond the last one") {
  Forge forge = forge_one();
  const Commit lost = make_commit(1);
  const auto record = encode_record(forge.ring(), base::kMaxSequence, 1, lost.entries);
  const auto payload = payload_of(record);
  FrameHeader header = header_for(forge, payload.size());
  header.first = base::kMaxSequence;
  header.operations = UINT32_MAX;  // which is not what the record says: here the log ends,
  forge.frame(header, payload);
  forge.frame(header, payload);  // before this one
  LogWorld world;
  forge.plant(world, 0);
  const auto reading = world.read(RecoveryMode::truncate);
  REQUIRE(reading.state);
  CHECK(reading.state->damage);
  CHECK(reading.state->next == base::kMaxSequence + 1);
}
