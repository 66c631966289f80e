// What the fuzz targets of the log have in common: the checks that any bytes must pass, and
// checksums for hostile records, which an attacker can compute too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "base/coding.h"
#include "support/sim_storage.h"
#include "wal/log.h"
#include "wal/record.h"

namespace siltstone::wal {

inline void require(bool condition) {
  if (!condition) std::abort();
}

class FixedEntropy final : public io::Entropy {
 public:
  void fill(std::span<std::byte> out) noexcept override {
    for (auto& byte : out) byte = static_cast<std::byte>(++last_ * 37);
  }

 private:
  std::uint8_t last_ = 0;
};

class Commits final : public LogSink {
 public:
  Result<void> record(const Record& record) override {
    Entry entry;
    EntryReader reader(record.entries);
    std::uint32_t count = 0;
    while (reader.next(entry)) ++count;
    require(count == record.count);  // as the sink was promised
    require(sequences.empty() || record.first.value() > sequences.back());
    sequences.push_back(record.last().value());
    entries.emplace_back(record.entries);
    return {};
  }

  std::vector<std::uint64_t> sequences;
  std::vector<std::string> entries;
};

inline void put_u32(std::span<std::byte> out, std::uint32_t value) {
  base::Writer(out.first(4)).u32(value);
}

/// Gives the records that lie here, one after the other from `position` on, the checksums of their
/// places.
inline void repair_records(std::span<std::byte> payload, base::SessionId session,
                           std::uint64_t position) {
  while (payload.size() >= kRecordHeaderBytes) {
    const std::uint64_t size = record_size(payload.first<kRecordHeaderBytes>());
    if (size > payload.size()) return;
    const auto record = payload.first(static_cast<std::size_t>(size));
    RecordChecksum checksum({session, base::RingPosition{position}});
    checksum.add(record);
    put_u32(record.subspan(4), checksum.value());
    position += size;
    payload = payload.subspan(record.size());
  }
}

/// Reading twice gives the same, and a strict reading is never longer than one that truncates.
inline void check_readings(support::SimStorage& storage, io::Directory& dir) {
  Commits strict, again, kept;
  const auto state = read_log(storage, dir, RecoveryMode::strict, strict);
  const auto same = read_log(storage, dir, RecoveryMode::strict, again);
  const auto truncated = read_log(storage, dir, RecoveryMode::truncate, kept);
  require(state.has_value() == same.has_value());
  require(strict.entries == again.entries);
  if (state) require(truncated && !truncated->damage && kept.entries == strict.entries);
  if (!state) require(strict.entries.size() <= kept.entries.size() || !truncated);
}

/// What can be opened can be written to, and is all there, with the new commit behind it, at the
/// next open.
inline void check_open(support::SimStorage& storage, io::Directory& dir) {
  FixedEntropy entropy;
  io::Environment environment;
  environment.storage = &storage;
  environment.entropy = &entropy;
  Commits found;
  {
    auto log = open_log(environment, dir, {.recovery = RecoveryMode::truncate}, found);
    if (!log) return;
    std::string entry;
    append_entry(entry, EntryKind::value, "key", "value");
    SegmentWriter& writer = *log->writer;
    if (writer.next() > base::kMaxSequence) return;  // the sequences are used up
    const auto record = encode_record(writer.ring(), writer.next(), 1, entry);
    require(writer.drain(wal::range_of(record)).has_value());
    found.entries.push_back(entry);
  }
  Commits again;
  const auto log = open_log(environment, dir, {.recovery = RecoveryMode::strict}, again);
  require(log.has_value());
  require(again.entries == found.entries);
}

}  // namespace siltstone::wal
