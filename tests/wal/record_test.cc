// Entries and records: what is encoded is decoded, and nothing else is.
#include "wal/record.h"

#include <doctest/doctest.h>

#include "base/coding.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

const RingPlace kPlace{base::SessionId{77}, base::RingPosition{1000}};

std::vector<std::byte> join(const EncodedRecord& record) {
  std::vector<std::byte> bytes(record.header.begin(), record.header.end());
  const auto entries = base::as_bytes(record.entries);
  bytes.insert(bytes.end(), entries.begin(), entries.end());
  return bytes;
}

EntryFault fault_of(std::string_view entries) {
  EntryReader reader(entries);
  Entry entry;
  while (reader.next(entry)) continue;
  return reader.fault();
}

}  // namespace

TEST_CASE("record: K8, entries come back in order, with any bytes in keys and values") {
  std::string entries;
  const std::string binary("a\0b\xff", 4);
  append_entry(entries, EntryKind::value, "", "");
  append_entry(entries, EntryKind::value, binary, std::string(300, '\0'));
  append_entry(entries, EntryKind::erase, std::string(kMaxKeyBytes, 'k'), "ignored");
  append_entry(entries, EntryKind::value_with_expiry, binary, "v", INT64_MIN + 1);
  CHECK(entries.size() == entry_bytes(EntryKind::value, 0, 0) +
                              entry_bytes(EntryKind::value, 4, 300) +
                              entry_bytes(EntryKind::erase, kMaxKeyBytes, 7) +
                              entry_bytes(EntryKind::value_with_expiry, 4, 1));
  EntryReader reader(entries);
  Entry entry;
  REQUIRE(reader.next(entry));
  CHECK((entry.kind == EntryKind::value && entry.key.empty() && entry.value.empty()));
  REQUIRE(reader.next(entry));
  CHECK(entry.key == binary);
  CHECK(entry.value.size() == 300);
  REQUIRE(reader.next(entry));
  CHECK((entry.kind == EntryKind::erase && entry.value.empty()));
  CHECK(entry.key.size() == kMaxKeyBytes);
  CHECK(entry.expiry == 0);
  REQUIRE(reader.next(entry));
  CHECK((entry.kind == EntryKind::value_with_expiry && entry.key == binary && entry.value == "v"));
  CHECK(entry.expiry == INT64_MIN + 1);
  CHECK_FALSE(reader.next(entry));
  CHECK(reader.fault().what == nullptr);
}

TEST_CASE("record: L2, L3, entries that do not fit are refused, at their offset") {
  std::string entries;
  append_entry(entries, EntryKind::value, "key", "value");
  append_entry(entries, EntryKind::value_with_expiry, "key2", "value2", 1);
  const std::size_t second = entry_bytes(EntryKind::value, 3, 5);
  for (std::size_t size = 1; size < entries.size(); ++size) {
    const EntryFault fault = fault_of(std::string_view(entries).substr(0, size));
    CHECK((fault.what != nullptr) == (size != second));
    if (size > second) CHECK(fault.offset == second);
  }
  std::string giant = {1,      '\xff', '\xff', '\xff', '\xff', '\xff',
                       '\xff', '\xff', '\xff', '\xff', 1,      0};
  CHECK(fault_of(giant).code == ErrorCode::corruption);
  std::string long_key;
  append_entry(long_key, EntryKind::erase, std::string(kMaxKeyBytes + 1, 'k'), {});
  CHECK(fault_of(long_key).code == ErrorCode::corruption);
}

TEST_CASE("record: unknown kinds are refused by name") {
  for (const auto& [kind, name] : {std::pair{4, "value reference"},
                                   {5, "range delete"},
                                   {6, "merge"},
                                   {7, "unknown"},
                                   {0x81, "keyspace"}}) {
    std::string entries(4, '\0');
    entries[0] = static_cast<char>(kind);
    const EntryFault fault = fault_of(entries);
    REQUIRE(fault.what != nullptr);
    CHECK(fault.code == ErrorCode::unsupported);
    CHECK(std::string_view(fault.what).find(name) != std::string_view::npos);
  }
  CHECK(fault_of(std::string(4, '\0')).code == ErrorCode::corruption);
}

TEST_CASE("record: every flipped bit, and every other place, is refused") {
  std::string entries;
  append_entry(entries, EntryKind::value, "key", "value");
  append_entry(entries, EntryKind::erase, "gone", {});
  auto bytes = join(encode_record(kPlace, base::Sequence{42}, 2, entries));
  const auto record = decode_record(bytes, kPlace);
  REQUIRE(record);
  CHECK(record->first == base::Sequence{42});
  CHECK(record->last() == base::Sequence{43});
  CHECK(record->entries == entries);
  CHECK(check_entries(*record));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(decode_record(bytes, kPlace));
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_record(std::span(bytes).first(size), kPlace));
  }
  CHECK_FALSE(decode_record(bytes, {kPlace.session, kPlace.position + 1}));
  CHECK_FALSE(decode_record(bytes, {base::SessionId{78}, kPlace.position}));
}

TEST_CASE("record: J10, sequences beyond 56 bits, and none at all, are refused") {
  std::string entries;
  append_entry(entries, EntryKind::erase, "a", {});
  append_entry(entries, EntryKind::erase, "b", {});
  const auto decode = [&](base::Sequence first, std::uint32_t count) {
    return decode_record(join(encode_record(kPlace, first, count, entries)), kPlace).has_value();
  };
  CHECK(decode(base::Sequence{base::kMaxSequence.value() - 1}, 2));
  CHECK_FALSE(decode(base::kMaxSequence, 2));
  CHECK_FALSE(decode(base::kMaxSequence + 1, 1));
  CHECK_FALSE(decode(base::Sequence{0}, 2));
}

TEST_CASE("record: a count that is not that of the entries is refused") {
  std::string entries;
  append_entry(entries, EntryKind::erase, "a", {});
  append_entry(entries, EntryKind::erase, "b", {});
  for (const std::uint32_t count : {1U, 3U, 0xffff'ffffU}) {
    const auto bytes = join(encode_record(kPlace, base::Sequence{1}, count, entries));
    const auto record = decode_record(bytes, kPlace);
    REQUIRE(record);
    CHECK_FALSE(check_entries(*record));
  }
}

TEST_CASE("record: a checksum in pieces is that of the whole") {
  support::Rng rng(1);
  std::string entries(10'000, 'x');
  const auto record = encode_record(kPlace, base::Sequence{1}, 1, entries);
  const auto bytes = join(record);
  for (int round = 0; round < 50; ++round) {
    RecordChecksum checksum(kPlace);
    base::Bytes rest(bytes);
    for (std::size_t size = rng.between(kRecordHeaderBytes, 3000); !rest.empty();
         size = rng.between(1, 3000)) {
      checksum.add(rest.first(std::min(size, rest.size())));
      rest = rest.subspan(std::min(size, rest.size()));
    }
    CHECK(checksum.value() == decode_record_header(record.header)->checksum);
  }
}
