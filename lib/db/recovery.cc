// Records arrive checked and in commit order; each becomes a staged write, linked at its sequences.
#include "db/recovery.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/assert.h"
#include "base/try.h"
#include "wal/record.h"

namespace siltstone::db {

Result<void> stage(memtable::Memtable::Staged& staged, std::string_view entries) noexcept {
  wal::EntryReader reader(entries);
  for (wal::Entry entry; reader.next(entry);) {
    bool fits = false;
    switch (entry.kind) {
      case wal::EntryKind::value: fits = staged.put(entry.key, entry.value); break;
      case wal::EntryKind::erase: fits = staged.erase(entry.key); break;
      case wal::EntryKind::value_with_expiry:
        fits = staged.put(entry.key, entry.value, entry.expiry);
        break;
      default:
        return base::fail(ErrorCode::unsupported, "an entry of a kind that is never written");
    }
    if (!fits) {
      return base::fail(ErrorCode::out_of_memory,
                        "the memtable is full: open the store with more memtable_bytes");
    }
  }
  SILT_CHECK(reader.fault().what == nullptr);
  return {};
}

// The first key of each record is asked for a group ahead: almost all of the time of an insertion
// is waiting for memory, and of this the keys of a group share one wait.
Result<void> MemtableSink::records(std::span<const wal::Record> records) {
  constexpr std::size_t kGroup = 16;
  while (!records.empty()) {
    const auto group = records.first(std::min(kGroup, records.size()));
    records = records.subspan(group.size());
    ahead_.clear();
    for (const wal::Record& one : group) {
      wal::Entry entry;
      if (wal::EntryReader(one.entries).next(entry)) ahead_.emplace_back(entry.key);
    }
    reads_.memtable().prefetch(ahead_);
    for (const wal::Record& one : group) SILT_TRY(record(one));
  }
  return {};
}

Result<void> MemtableSink::record(const wal::Record& record) {
  memtable::Memtable::Staged staged(reads_.memtable());
  SILT_TRY(stage(staged, record.entries));
  SILT_CHECK(staged.count() == record.count);
  SILT_CHECK(record.first > reads_.visible());
  reads_.memtable().link(std::move(staged), record.first);
  reads_.publish(record.last());
  return {};
}

}  // namespace siltstone::db
