// Forwards to the read path, with the view that the handle holds.
#include <siltstone/snapshot.h>

#include <new>
#include <utility>

#include "db/db_iterator.h"
#include "db/guard.h"
#include "db/snapshot_state.h"

namespace siltstone {

Snapshot::Snapshot(std::shared_ptr<const db::SnapshotState> state) noexcept
    : state_(std::move(state)) {}
Snapshot::Snapshot(const Snapshot& other) noexcept = default;
Snapshot& Snapshot::operator=(const Snapshot& other) noexcept = default;
Snapshot::Snapshot(Snapshot&& other) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&& other) noexcept = default;
Snapshot::~Snapshot() = default;

std::uint64_t Snapshot::seq() const noexcept {
  return state_ != nullptr ? state_->view.sequence.value() : 0;
}

Result<std::optional<Value>> Snapshot::get(std::string_view key) const noexcept {
  return db::guarded([&]() -> Result<std::optional<Value>> {
    if (state_ == nullptr) return std::unexpected(db::closed_error());
    return state_->reads->get(key, state_->view);
  });
}

Iterator Snapshot::iterate(const IterateOptions& options) const noexcept {
  try {
    auto reads = state_ != nullptr ? state_->reads : db::closed_reads();
    const db::View view = state_ != nullptr ? state_->view : db::View();
    return Iterator(std::make_unique<db::DbIterator>(std::move(reads), view, options));
  } catch (const std::bad_alloc&) {
    return Iterator(nullptr);
  }
}

}  // namespace siltstone
