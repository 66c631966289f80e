// Staging makes the map nodes; linking only hangs them in.
#include "memtable/memtable.h"

#include <utility>

#include "base/yield.h"

namespace siltstone::memtable {

void Memtable::Staged::put(std::string_view key, std::string_view value) {
  entries_.emplace(Version{std::string(key), base::Sequence(entries_.size())}, value);
}

void Memtable::Staged::erase(std::string_view key) {
  entries_.emplace(Version{std::string(key), base::Sequence(entries_.size())}, std::nullopt);
}

void Memtable::link(Staged&& staged, base::Sequence first) noexcept {
  const base::WriterLock lock(mutex_);
  while (!staged.entries_.empty()) {
    base::yield_point("memtable: link");
    auto node = staged.entries_.extract(staged.entries_.begin());
    node.key().sequence += first.value();
    entries_.insert(std::move(node));
  }
}

std::optional<std::string_view> Memtable::get(std::string_view key,
                                              base::Sequence at) const noexcept {
  const base::ReaderLock lock(mutex_);
  const auto found = entries_.lower_bound(Target{key, at});
  if (found == entries_.end() || found->first.key != key || !found->second) return std::nullopt;
  return *found->second;
}

}  // namespace siltstone::memtable
