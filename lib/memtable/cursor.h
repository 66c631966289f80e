// An ordered walk over a memtable as it was at one sequence.
#pragma once

#include <string_view>

#include "base/ids.h"
#include "memtable/memtable.h"

namespace siltstone::memtable {

/// Stands on the newest version at or below its sequence of a key that was not erased by then, or
/// nowhere. What is linked meanwhile it passes by. Thread-bound; borrows the memtable, which must
/// outlive it. Begins nowhere: seek first.
class Cursor {
 public:
  Cursor(const Memtable& memtable, base::Sequence at) noexcept;

  [[nodiscard]] bool valid() const noexcept { return valid_; }
  /// Require valid(). The views live as long as the memtable.
  [[nodiscard]] std::string_view key() const noexcept { return position_->first.key; }
  [[nodiscard]] std::string_view value() const noexcept { return *position_->second; }

  /// Moves to the first key at or after `key`.
  void seek(std::string_view key) noexcept;
  /// Moves to the next larger key. Requires valid().
  void next() noexcept;

 private:
  void settle() noexcept SILT_REQUIRES_SHARED(memtable_.mutex_);
  void skip_versions(std::string_view key) noexcept SILT_REQUIRES_SHARED(memtable_.mutex_);

  const Memtable& memtable_;
  const base::Sequence at_;
  Memtable::Map::const_iterator position_;
  bool valid_ = false;
};

}  // namespace siltstone::memtable
