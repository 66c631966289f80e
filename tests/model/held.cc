// Compares with the state that was kept.
#include "model/held.h"

#include <utility>

#include <fmt/format.h>

#include "model/reads.h"

namespace siltstone::model {
namespace {

bool says_closed(const auto& result) {
  return !result && result.error().code() == ErrorCode::closed;
}

}  // namespace

HeldIterator::HeldIterator(Iterator iterator, State state)
    : iterator_(std::move(iterator)), state_(std::move(state)), at_(state_.begin()) {}

std::string HeldIterator::advance(std::uint64_t entries) {
  for (; entries != 0; --entries) {
    if (iterator_.valid() != (at_ != state_.end())) {
      return "an iterator ends too late or too early";
    }
    if (!iterator_.valid()) break;
    if (iterator_.key() != at_->first || cell_of(iterator_) != at_->second) {
      return fmt::format("an iterator changed beside writes, at key {}", quoted(at_->first));
    }
    iterator_.next();
    ++at_;
  }
  return {};
}

std::string HeldIterator::check_closed() const {
  if (iterator_.valid()) return "an iterator goes on after its store was closed";
  if (says_closed(iterator_.status())) return {};
  return "an iterator does not say that its store was closed";
}

HeldSnapshot::HeldSnapshot(Snapshot snapshot, State state)
    : snapshot_(std::move(snapshot)), state_(std::move(state)) {}

std::string HeldSnapshot::check_key(const std::string& key) const {
  const auto found = snapshot_.get(key);
  if (!found) return "a snapshot: " + found.error().to_string();
  const auto expected = state_.find(key);
  const bool is_right =
      expected == state_.end() ? !*found : *found && **found == expected->second.value;
  return is_right ? "" : fmt::format("a snapshot changed at key {}", quoted(key));
}

std::string HeldSnapshot::check_all() const {
  const auto found = read_all(snapshot_.iterate());
  if (!found) return "a snapshot: " + found.error().to_string();
  if (*found == state_) return {};
  return "a snapshot changed: " + difference(state_, *found, INT64_MIN);
}

std::string HeldSnapshot::check_closed() const {
  const bool says = says_closed(snapshot_.get("")) && says_closed(snapshot_.iterate().status());
  return says ? "" : "a snapshot does not say that its store was closed";
}

}  // namespace siltstone::model
