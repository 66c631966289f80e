// Recovery: what the log holds becomes the memtable, and its end the visible sequence.
#pragma once

#include <siltstone/error.h>

#include "db/read_path.h"
#include "wal/log.h"

namespace siltstone::db {

/// Puts the records of a log into the memtable of `reads`, which it borrows.
class MemtableSink final : public wal::LogSink {
 public:
  explicit MemtableSink(ReadPath& reads) noexcept : reads_(reads) {}

  /// Throws only std::bad_alloc.
  [[nodiscard]] Result<void> record(const wal::Record& record) override;

 private:
  ReadPath& reads_;
};

/// Stages the operations of `entries`, which must be well formed: a Batch's, or a checked record's.
/// A corruption error, without a place, should they not be. Throws only std::bad_alloc.
[[nodiscard]] Result<memtable::Memtable::Staged> stage(std::string_view entries);

}  // namespace siltstone::db
