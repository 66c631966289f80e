// Forwards to DbIterator. Without a state - when not even that could be allocated - the iteration
// ends at once with out_of_memory.
#include <siltstone/iterator.h>

#include <utility>

#include "db/db_iterator.h"

namespace siltstone {

Iterator::Iterator(std::unique_ptr<db::DbIterator> state) noexcept : state_(std::move(state)) {}
Iterator::Iterator(Iterator&& other) noexcept = default;
Iterator& Iterator::operator=(Iterator&& other) noexcept = default;
Iterator::~Iterator() = default;

bool Iterator::valid() const noexcept { return state_ != nullptr && state_->valid(); }
std::string_view Iterator::key() const noexcept { return state_->key(); }
std::string_view Iterator::value() const noexcept { return state_->value(); }

std::optional<Iterator::WallTime> Iterator::expiry() const noexcept {
  const auto expiry = state_->expiry();
  if (!expiry) return std::nullopt;
  return WallTime(std::chrono::milliseconds(*expiry));
}

void Iterator::next() noexcept {
  if (valid()) state_->next();
}

void Iterator::seek(std::string_view key) noexcept {
  if (state_ != nullptr) state_->seek(key);
}

Result<void> Iterator::status() const noexcept {
  if (state_ != nullptr) return state_->status();
  return std::unexpected(Error(ErrorCode::out_of_memory, "the iterator could not be allocated"));
}

}  // namespace siltstone
