// Encoding and decoding of entries and records.
#include "wal/record.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

constexpr std::uint8_t kKeyspaceBit = 0x80;
constexpr std::size_t kChecksumOffset = 4;
constexpr std::size_t kCoveredOffset = 8;

constexpr bool has_expiry(EntryKind kind) noexcept { return kind == EntryKind::value_with_expiry; }
constexpr bool has_value(EntryKind kind) noexcept {
  return kind == EntryKind::value || has_expiry(kind);
}

}  // namespace

std::size_t entry_bytes(EntryKind kind, std::size_t key_bytes, std::size_t value_bytes) noexcept {
  const std::size_t value_part = has_value(kind) ? base::varint_size(value_bytes) + value_bytes : 0;
  const std::size_t expiry_part = has_expiry(kind) ? sizeof(Entry::expiry) : 0;
  return 1 + base::varint_size(key_bytes) + key_bytes + value_part + expiry_part;
}

void append_entry(std::string& out, EntryKind kind, std::string_view key, std::string_view value,
                  std::int64_t expiry) {
  SILT_ASSERT(has_value(kind) || kind == EntryKind::erase);
  std::array<std::byte, 1 + 2 * base::kMaxVarintBytes + sizeof expiry> lengths;
  base::Writer writer(lengths);
  writer.u8(static_cast<std::uint8_t>(kind));
  writer.varint(key.size());
  if (has_value(kind)) writer.varint(value.size());
  if (has_expiry(kind)) writer.u64(static_cast<std::uint64_t>(expiry));
  out.reserve(out.size() +
              entry_bytes(kind, key.size(), value.size()));  // so that no append throws
  out += base::as_text(writer.written());
  out += key;
  if (has_value(kind)) out += value;
}

bool EntryReader::stop(ErrorCode code, const char* what) noexcept {
  fault_ = {code, what, offset_};
  rest_ = {};
  return false;
}

bool EntryReader::next(Entry& entry) noexcept {
  if (rest_.empty()) return false;
  base::Reader reader(base::as_bytes(rest_));
  const std::uint8_t kind = reader.u8();
  if ((kind & kKeyspaceBit) != 0) {
    return stop(ErrorCode::unsupported, "an entry names a keyspace, which this version lacks");
  }
  entry.kind = static_cast<EntryKind>(kind);
  switch (entry.kind) {
    case EntryKind::value:
    case EntryKind::erase:
    case EntryKind::value_with_expiry: break;
    case EntryKind::none: return stop(ErrorCode::corruption, "an entry has the invalid kind");
    case EntryKind::value_reference:
      return stop(ErrorCode::unsupported, "an entry has kind `value reference`");
    case EntryKind::range_delete:
      return stop(ErrorCode::unsupported, "an entry has kind `range delete`");
    case EntryKind::merge: return stop(ErrorCode::unsupported, "an entry has kind `merge`");
    default: return stop(ErrorCode::unsupported, "an entry has an unknown kind");
  }
  const std::uint64_t key_bytes = reader.varint();
  const std::uint64_t value_bytes = has_value(entry.kind) ? reader.varint() : 0;
  entry.expiry = has_expiry(entry.kind) ? static_cast<std::int64_t>(reader.u64()) : 0;
  entry.key = base::as_text(reader.bytes(key_bytes));
  entry.value = base::as_text(reader.bytes(value_bytes));
  if (!reader.ok()) return stop(ErrorCode::corruption, "an entry does not fit into its record");
  if (key_bytes > kMaxKeyBytes) return stop(ErrorCode::corruption, "a key is over its limit");
  if (value_bytes > kMaxValueBytes) return stop(ErrorCode::corruption, "a value is over its limit");
  rest_.remove_prefix(reader.position());
  offset_ += reader.position();
  return true;
}

EncodedRecord encode_record(RingPlace place, base::Sequence first, std::uint32_t count,
                            std::string_view entries) noexcept {
  SILT_ASSERT(count >= 1);
  SILT_ASSERT(entries.size() <= kMaxBatchBytes);
  EncodedRecord record;
  record.entries = entries;
  base::Writer writer(record.header);
  writer.u32(static_cast<std::uint32_t>(entries.size()));
  writer.u32(0);  // the checksum
  writer.u64(first.value());
  writer.u32(count);
  RecordChecksum checksum(place);
  checksum.add(record.header);
  checksum.add(base::as_bytes(entries));
  base::Writer(base::MutableBytes(record.header).subspan(kChecksumOffset)).u32(checksum.value());
  return record;
}

RecordRange RecordRange::part(std::size_t offset, std::size_t length) const noexcept {
  SILT_ASSERT(offset + length <= size());
  const std::size_t skipped = std::min(offset, first.size());
  const base::Bytes before = first.subspan(skipped, std::min(length, first.size() - skipped));
  return {before, second.subspan(offset - skipped, length - before.size())};
}

void RecordRange::copy(std::size_t offset, base::MutableBytes out) const noexcept {
  const RecordRange wanted = part(offset, out.size());
  if (!wanted.first.empty()) {
    std::memcpy(out.data(), wanted.first.data(), wanted.first.size());
  }
  if (!wanted.second.empty()) {
    std::memcpy(out.data() + wanted.first.size(), wanted.second.data(), wanted.second.size());
  }
}

std::uint64_t record_size(std::span<const std::byte, kRecordHeaderBytes> header) noexcept {
  return kRecordHeaderBytes + std::uint64_t{base::Reader(header).u32()};
}

Result<RecordHeader> decode_record_header(
    std::span<const std::byte, kRecordHeaderBytes> bytes) noexcept {
  base::Reader reader(bytes);
  RecordHeader header;
  header.length = reader.u32();
  header.checksum = reader.u32();
  header.first = base::Sequence{reader.u64()};
  header.count = reader.u32();
  if (header.length > kMaxBatchBytes) {
    return base::fail(ErrorCode::corruption, "a record is over its limit")
        .mismatch(kMaxBatchBytes, header.length);
  }
  if (header.first < base::Sequence{1} || header.first > base::kMaxSequence || header.count == 0 ||
      header.count - 1 > base::kMaxSequence - header.first) {
    return base::fail(ErrorCode::corruption, "a record's sequences are out of range");
  }
  return header;
}

RecordChecksum::RecordChecksum(RingPlace place) noexcept
    : crc_(base::crc32c_seed(place.session.value(), place.position.value())) {}

void RecordChecksum::add(base::Bytes piece) noexcept {
  if (!std::exchange(has_header_, true)) {
    SILT_ASSERT(piece.size() >= kRecordHeaderBytes);
    piece = piece.subspan(kCoveredOffset);
  }
  crc_ = base::crc32c(crc_, piece);
}

std::uint32_t RecordChecksum::value() const noexcept { return base::seal_crc32c(crc_); }

Result<Record> decode_record(base::Bytes bytes, RingPlace place) noexcept {
  if (bytes.size() < kRecordHeaderBytes) {
    return base::fail(ErrorCode::corruption, "a record is cut off");
  }
  const auto header = SILT_TRY(decode_record_header(bytes.first<kRecordHeaderBytes>()));
  const base::Bytes entries = bytes.subspan(kRecordHeaderBytes);
  if (header.length != entries.size()) {
    return base::fail(ErrorCode::corruption, "a record's length does not fit")
        .mismatch(entries.size(), header.length);
  }
  RecordChecksum checksum(place);
  checksum.add(bytes);
  if (checksum.value() != header.checksum) {
    return base::fail(ErrorCode::corruption, "a record's checksum differs")
        .mismatch(checksum.value(), header.checksum);
  }
  return Record{place, header.first, header.count, base::as_text(entries)};
}

Result<void> check_entries(const Record& record) noexcept {
  EntryReader reader(record.entries);
  std::uint64_t count = 0;
  for (Entry entry; reader.next(entry);) ++count;
  if (reader.fault().what != nullptr) {
    return base::fail(reader.fault().code, reader.fault().what);
  }
  if (count != record.count) {
    return base::fail(ErrorCode::corruption, "a record's count of entries is wrong")
        .mismatch(count, record.count);
  }
  return {};
}

}  // namespace siltstone::wal
