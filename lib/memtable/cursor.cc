// Keys with many versions, or many erased keys in a row, are passed by searching, so that one move
// costs a number of searches that does not depend on how often a key was written.
#include "memtable/cursor.h"

#include "base/assert.h"

namespace siltstone::memtable {

Cursor::Cursor(const Memtable& memtable, base::Sequence at) noexcept
    : memtable_(memtable), at_(at) {}

void Cursor::seek(std::string_view key) noexcept {
  const base::ReaderLock lock(memtable_.mutex_);
  position_ = memtable_.entries_.lower_bound(Memtable::Target{key, at_});
  settle();
}

void Cursor::next() noexcept {
  SILT_ASSERT(valid_);
  const base::ReaderLock lock(memtable_.mutex_);
  skip_versions(position_->first.key);
  settle();
}

// From the first entry of a key, or one of its versions at or below `at_`: on to a version that
// counts, of this key or a later one.
void Cursor::settle() noexcept {
  const auto end = memtable_.entries_.end();
  while (position_ != end) {
    const std::string_view key = position_->first.key;
    if (position_->first.sequence > at_) {
      position_ = memtable_.entries_.lower_bound(Memtable::Target{key, at_});
      if (position_ == end || position_->first.key != key) continue;
    }
    if (position_->second) break;
    skip_versions(key);
  }
  valid_ = position_ != end;
}

// To the first entry beyond all versions of `key`, which the position stands on. Most keys have
// one.
void Cursor::skip_versions(std::string_view key) noexcept {
  ++position_;
  if (position_ == memtable_.entries_.end() || position_->first.key != key) return;
  position_ = memtable_.entries_.lower_bound(Memtable::Target{key, base::Sequence(0)});
}

}  // namespace siltstone::memtable
