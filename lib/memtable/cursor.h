// An ordered walk over a memtable as it was at one sequence, in both directions.
//
// It walks copies of leaves (tree.h): what the copy lacks was linked later than its sequence. So
// only the step from leaf to leaf looks at what the writer changes.
#pragma once

#include <string_view>

#include "base/ids.h"
#include "memtable/memtable.h"
#include "memtable/tree.h"

namespace siltstone::memtable {

/// Stands on a key of one keyspace that had a version at its sequence, be it an erasure, or
/// nowhere. Thread-bound; borrows the memtable, which must outlive it. Begins nowhere: seek first.
class Cursor {
 public:
  /// Everything up to `at` must have been linked.
  Cursor(const Memtable& memtable, base::Sequence at, base::KeyspaceId keyspace = {}) noexcept
      : memtable_(memtable), at_(at), keyspace_(keyspace) {}

  [[nodiscard]] bool valid() const noexcept { return version_ != nullptr; }
  // Require valid(). The views live as long as the memtable.
  [[nodiscard]] std::string_view key() const noexcept { return record_->user_key(); }
  [[nodiscard]] std::string_view value() const noexcept { return version_->value(); }
  [[nodiscard]] Kind kind() const noexcept { return version_->kind(); }
  [[nodiscard]] base::Sequence sequence() const noexcept {
    return base::Sequence(version_->sequence());
  }
  /// Milliseconds of wall clock since 1970; with value_with_expiry.
  [[nodiscard]] std::int64_t expiry() const noexcept { return version_->expiry(); }

  /// Moves to the first key at or after `key`.
  void seek(std::string_view key) noexcept;
  /// Moves to the last key before `key`.
  void seek_before(std::string_view key) noexcept;
  /// Moves to the last key.
  void seek_last() noexcept;
  /// Moves to the next larger, the next smaller key. Require valid().
  void next() noexcept;
  void previous() noexcept;

 private:
  void forward() noexcept;
  void backward() noexcept;
  [[nodiscard]] bool settle(unsigned position) noexcept;
  void prefetch(unsigned position) const noexcept;

  const Memtable& memtable_;
  const base::Sequence at_;
  const base::KeyspaceId keyspace_;
  LeafCopy leaf_;
  unsigned position_ = 0;  // in leaf_: of the key it stands on, or where a walk goes on
  const Record* record_ = nullptr;
  const Version* version_ = nullptr;  // null: it stands nowhere
};

}  // namespace siltstone::memtable
