// Bounds: keys with a prefix are neighbours, so the first key beyond either bound ends the walk.
#include "db/db_iterator.h"

#include <algorithm>
#include <utility>

namespace siltstone::db {

DbIterator::DbIterator(std::shared_ptr<const ReadPath> reads, const IterateOptions& bounds)
    : reads_(std::move(reads)),
      prefix_(bounds.prefix),
      first_(std::max(bounds.prefix, bounds.from)),
      end_(bounds.to),
      cursor_(reads_->memtable(), reads_->visible()) {
  cursor_.seek(first_);
  skip_erased();
}

bool DbIterator::valid() const noexcept {
  return cursor_.valid() && within_bounds(cursor_.key()) && !reads_->is_closed();
}

void DbIterator::seek(std::string_view key) noexcept {
  cursor_.seek(std::max<std::string_view>(key, first_));
  skip_erased();
}

void DbIterator::next() noexcept {
  cursor_.next();
  skip_erased();
}

void DbIterator::skip_erased() noexcept {
  while (cursor_.valid() && cursor_.kind() == memtable::Kind::erase) cursor_.next();
}

Result<void> DbIterator::status() const noexcept {
  if (reads_->is_closed()) return std::unexpected(closed_error());
  return {};
}

bool DbIterator::within_bounds(std::string_view key) const noexcept {
  return key.starts_with(prefix_) && (end_.empty() || key < end_);
}

}  // namespace siltstone::db
