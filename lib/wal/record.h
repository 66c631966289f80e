// Records and entries: what a commit is made of, in the log and in a Batch.
//
//   record  | length u32 | checksum u32 | first sequence u64 | count u32 | entry * count |
//   entry   | kind u8 | [keyspace] | key length | [value length] | [expiry i64] | key | [value] |
//
// Lengths and keyspace are canonical varints. The checksum is seeded with the record's ring place
// and covers everything behind it: a record is whole and in its place, or it is not there.
// A Batch's encoded() is exactly the entries of a record.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <siltstone/batch.h>
#include <siltstone/error.h>

#include "base/bytes.h"
#include "base/entry_kind.h"
#include "base/ids.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

inline constexpr std::size_t kRecordHeaderBytes = 20;
/// Largest record: the largest batch with its header.
inline constexpr std::size_t kMaxRecordBytes = kRecordHeaderBytes + kMaxBatchBytes;

using base::EntryKind;

/// One operation. Views into the entries it was read from.
struct Entry {
  EntryKind kind = EntryKind::none;
  std::string_view key;
  std::string_view value;   ///< Empty for erase.
  std::int64_t expiry = 0;  ///< Of value_with_expiry: milliseconds of wall clock since 1970.
};

/// Bytes append_entry() would add.
[[nodiscard]] std::size_t entry_bytes(EntryKind kind, std::size_t key_bytes,
                                      std::size_t value_bytes) noexcept;
/// Appends one entry, of a kind that version 1 knows; `value` and `expiry` are ignored where it has
/// none. Throws only std::bad_alloc, and then `out` is as it was.
void append_entry(std::string& out, EntryKind kind, std::string_view key, std::string_view value,
                  std::int64_t expiry = 0);

/// Why entries are not well formed.
struct EntryFault {
  ErrorCode code = ErrorCode::corruption;  ///< Or unsupported, for what a newer version may write.
  const char* what = nullptr;              ///< Static text; null while there is no fault.
  std::size_t offset = 0;                  ///< Of the entry, in the entries.
};

/// Walks entries, which may be hostile. Ends at the end, or at the first fault.
///
///   EntryReader reader(record.entries);
///   for (Entry entry; reader.next(entry);) apply(entry);
class EntryReader {
 public:
  explicit EntryReader(std::string_view entries) noexcept : rest_(entries) {}

  /// The next entry; false at the end and after a fault.
  [[nodiscard]] bool next(Entry& entry) noexcept;
  [[nodiscard]] const EntryFault& fault() const noexcept { return fault_; }

 private:
  bool stop(ErrorCode code, const char* what) noexcept;

  std::string_view rest_;
  std::size_t offset_ = 0;
  EntryFault fault_;
};

/// One commit as it goes into the log: the encoded header, and entries that are borrowed.
struct EncodedRecord {
  std::array<std::byte, kRecordHeaderBytes> header;
  std::string_view entries;

  /// Bytes in the log; the next record's ring position is this far from this one's.
  [[nodiscard]] std::size_t size() const noexcept { return header.size() + entries.size(); }
};

/// Gives a commit its place and its checksum. `entries` holds `count` >= 1 entries of at most
/// kMaxBatchBytes, the first of which gets sequence `first`.
[[nodiscard]] EncodedRecord encode_record(RingPlace place, base::Sequence first,
                                          std::uint32_t count, std::string_view entries) noexcept;

/// Whole records, one after the other in the order of the log, in memory that may be in two parts,
/// with a record lying across both. Borrowed.
struct RecordRange {
  base::Bytes first;
  base::Bytes second;

  [[nodiscard]] std::size_t size() const noexcept { return first.size() + second.size(); }
  [[nodiscard]] RecordRange part(std::size_t offset, std::size_t length) const noexcept;
  /// Copies out.size() bytes from `offset` on.
  void copy(std::size_t offset, base::MutableBytes out) const noexcept;
};

/// A record that was just encoded, as a range.
[[nodiscard]] inline RecordRange range_of(const EncodedRecord& record) noexcept {
  return {record.header, base::as_bytes(record.entries)};
}

/// One commit as it was read. Views into memory of whoever hands it out.
struct Record {
  RingPlace place;
  base::Sequence first;
  std::uint32_t count = 0;
  std::string_view entries;

  /// The sequence of its last operation.
  [[nodiscard]] base::Sequence last() const noexcept { return first + (count - 1); }
};

/// Size of the record that begins with these bytes, header included; may be hostile, so compare it
/// with kMaxRecordBytes and with what is there before believing it.
[[nodiscard]] std::uint64_t record_size(
    std::span<const std::byte, kRecordHeaderBytes> header) noexcept;

/// The header of a record, taken apart.
struct RecordHeader {
  std::uint32_t length = 0;  ///< Of the entries, in bytes.
  std::uint32_t checksum = 0;
  base::Sequence first;
  std::uint32_t count = 0;
};

/// Takes apart a header; may be hostile. Errors: corruption when length, sequences or count are out
/// of range; without path.
[[nodiscard]] Result<RecordHeader> decode_record_header(
    std::span<const std::byte, kRecordHeaderBytes> bytes) noexcept;

/// The checksum of a record that is seen piece by piece.
class RecordChecksum {
 public:
  explicit RecordChecksum(RingPlace place) noexcept;

  /// The next bytes of the record; the first piece holds the header.
  void add(base::Bytes piece) noexcept;
  [[nodiscard]] std::uint32_t value() const noexcept;

 private:
  std::uint32_t crc_;
  bool has_header_ = false;
};

/// Takes apart the record that is all of `bytes` and checks its length, checksum, sequences and
/// count. Errors: corruption, with the checksums where they differ; without path.
[[nodiscard]] Result<Record> decode_record(base::Bytes bytes, RingPlace place) noexcept;

/// Checks every entry and their count, so that walking them afterwards cannot fail. Errors:
/// corruption, unsupported; without path.
[[nodiscard]] Result<void> check_entries(const Record& record) noexcept;

}  // namespace siltstone::wal
