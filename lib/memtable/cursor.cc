// Moving: within the copy of a leaf, then to the next one. Records are asked for some steps ahead,
// since each is a cache miss of its own.
#include "memtable/cursor.h"

#include "base/assert.h"

namespace siltstone::memtable {

namespace {

constexpr unsigned kAhead = 8;

}  // namespace

void Cursor::seek(std::string_view key) noexcept {
  position_ = memtable_.tree_.seek(Key(keyspace_, key), leaf_);
  forward();
}

void Cursor::seek_before(std::string_view key) noexcept {
  position_ = memtable_.tree_.seek(Key(keyspace_, key), leaf_);
  backward();
}

void Cursor::seek_last() noexcept {
  const base::KeyspaceId behind = keyspace_.next();
  if (behind > keyspace_) {
    position_ = memtable_.tree_.seek(Key(behind, {}), leaf_);
  } else {
    memtable_.tree_.seek_last(leaf_);
    position_ = leaf_.count;
  }
  backward();
}

void Cursor::next() noexcept {
  SILT_ASSERT(valid());
  ++position_;
  forward();
}

void Cursor::previous() noexcept {
  SILT_ASSERT(valid());
  backward();
}

// To the first key at or behind position_.
void Cursor::forward() noexcept {
  version_ = nullptr;
  for (;; ++position_) {
    while (position_ == leaf_.count) {
      if (leaf_.next == 0) return;
      memtable_.tree_.next(leaf_);
      position_ = 0;
      for (unsigned i = 0; i < kAhead && i < leaf_.count; ++i) prefetch(i);
      if (leaf_.next != 0) memtable_.tree_.prefetch(leaf_.next);
    }
    if (position_ + kAhead < leaf_.count) prefetch(position_ + kAhead);
    if (settle(position_)) return;
  }
}

// To the last key before position_.
void Cursor::backward() noexcept {
  version_ = nullptr;
  for (;;) {
    while (position_ == 0) {
      if (leaf_.previous == 0) return;
      memtable_.tree_.previous(leaf_);
      position_ = leaf_.count;
      for (unsigned i = 0; i < kAhead && i < leaf_.count; ++i) prefetch(leaf_.count - 1 - i);
      if (leaf_.previous != 0) memtable_.tree_.prefetch(leaf_.previous);
    }
    --position_;
    if (position_ >= kAhead) prefetch(position_ - kAhead);
    if (settle(position_)) return;
  }
}

// Stands on the key at a position, if it counts. True also where the walk ends: in another
// keyspace.
bool Cursor::settle(unsigned position) noexcept {
  record_ = &record_at(memtable_.arena_, leaf_.records[position]);
  if (record_->keyspace() != keyspace_) return true;
  version_ = version_of(memtable_.arena_, *record_, at_);
  return version_ != nullptr;
}

void Cursor::prefetch(unsigned position) const noexcept {
  prefetch_record(memtable_.arena_, leaf_.records[position]);
}

}  // namespace siltstone::memtable
