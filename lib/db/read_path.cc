// Point reads: copy what the memtable has at the visible sequence.
#include "db/read_path.h"

#include <new>
#include <string>
#include <utility>

#include "base/assert.h"
#include "io/environment.h"

namespace siltstone::db {
namespace {

/// A copy of what a version says to a reader at `now`.
std::optional<Value> value_of(const std::optional<memtable::Entry>& found, std::int64_t now) {
  if (!found || !is_there(found->kind, found->expiry, now)) return std::nullopt;
  return Value(std::string(found->value));
}

}  // namespace

Error closed_error() noexcept {
  return Error(ErrorCode::closed, "the store was closed, or belongs to the parent of a fork");
}

std::shared_ptr<const ReadPath> closed_reads() {
  auto pool = std::make_shared<base::ArenaPool>(memtable::Memtable::kMinBytes, 0);
  auto empty = memtable::Memtable::create(std::move(pool), 0);
  if (!empty) throw std::bad_alloc();
  auto reads = std::make_shared<ReadPath>(*std::move(empty), *io::system_environment().clock);
  reads->close();
  return reads;
}

void ReadPath::publish(base::Sequence sequence) noexcept {
  SILT_ASSERT(sequence >= visible());
  visible_.store(sequence.value(), std::memory_order_release);
}

Result<std::optional<Value>> ReadPath::get(std::string_view key) const {
  if (is_closed()) return std::unexpected(closed_error());
  const auto found = memtable_->get(key, visible());
  const bool may_expire = found && found->kind == memtable::Kind::value_with_expiry;
  return value_of(found, may_expire ? clock_.wall_ms() : 0);
}

Result<std::optional<Value>> ReadPath::get(std::string_view key, const View& view) const {
  if (is_closed()) return std::unexpected(closed_error());
  return value_of(memtable_->get(key, view.sequence), view.now);
}

}  // namespace siltstone::db
