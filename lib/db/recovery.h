// Recovery: what the log holds becomes the memtable, and its end the visible sequence.
#pragma once

#include <span>
#include <vector>

#include <siltstone/error.h>

#include "db/read_path.h"
#include "memtable/key.h"
#include "wal/log.h"

namespace siltstone::db {

/// Puts the records of a log into the memtable of `reads`, which it borrows.
class MemtableSink final : public wal::LogSink {
 public:
  explicit MemtableSink(ReadPath& reads) noexcept : reads_(reads) {}

  [[nodiscard]] Result<void> record(const wal::Record& record) override;
  [[nodiscard]] Result<void> records(std::span<const wal::Record> records) override;

 private:
  ReadPath& reads_;
  std::vector<memtable::Key> ahead_;
};

/// Adds the operations of `entries`, which must be well formed, to `staged`: of a write with its
/// expiries (see expiry.h), or of a checked record.
/// A corruption error, without a place, should they not be; out_of_memory, naming the option that
/// bounds it, when the memtable has no room for them.
[[nodiscard]] Result<void> stage(memtable::Memtable::Staged& staged,
                                 std::string_view entries) noexcept;

}  // namespace siltstone::db
