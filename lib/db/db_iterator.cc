// Bounds: keys with a prefix are neighbours, so the first key beyond either bound ends the walk.
#include "db/db_iterator.h"

#include <algorithm>
#include <utility>

namespace siltstone::db {

DbIterator::DbIterator(std::shared_ptr<const ReadPath> reads, const View& view,
                       const IterateOptions& bounds)
    : reads_(std::move(reads)),
      prefix_(bounds.prefix),
      first_(std::max(bounds.prefix, bounds.from)),
      end_(bounds.to),
      now_(view.now),
      cursor_(reads_->memtable(), view.sequence) {
  cursor_.seek(first_);
  skip_absent();
}

bool DbIterator::valid() const noexcept {
  return cursor_.valid() && within_bounds(cursor_.key()) && !reads_->is_closed();
}

void DbIterator::seek(std::string_view key) noexcept {
  cursor_.seek(std::max<std::string_view>(key, first_));
  skip_absent();
}

void DbIterator::next() noexcept {
  cursor_.next();
  skip_absent();
}

// Not beyond the bounds: what was erased there may be much, and is nobody's business.
void DbIterator::skip_absent() noexcept {
  while (cursor_.valid() && !is_there(cursor_.kind(), cursor_.expiry(), now_) &&
         within_bounds(cursor_.key())) {
    cursor_.next();
  }
}

std::optional<std::int64_t> DbIterator::expiry() const noexcept {
  if (cursor_.kind() != memtable::Kind::value_with_expiry) return std::nullopt;
  return cursor_.expiry();
}

Result<void> DbIterator::status() const noexcept {
  if (reads_->is_closed()) return std::unexpected(closed_error());
  return {};
}

bool DbIterator::within_bounds(std::string_view key) const noexcept {
  return key.starts_with(prefix_) && (end_.empty() || key < end_);
}

}  // namespace siltstone::db
