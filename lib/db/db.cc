// Forwards only: each call finds its part of the engine, and turns lack of memory into an error.
#include <siltstone/db.h>

#include <string>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "db/access.h"
#include "db/db_iterator.h"
#include "db/expiry.h"
#include "db/guard.h"
#include "db/open.h"
#include "db/recovery.h"
#include "db/snapshot_state.h"

namespace siltstone {

Builder Db::builder(std::string_view dir) { return Builder(dir); }

Db::Db(std::unique_ptr<db::Engine> engine) noexcept : engine_(std::move(engine)) {}
Db::Db(Db&& other) noexcept = default;
Db& Db::operator=(Db&& other) noexcept = default;
Db::~Db() = default;

Result<Commit> Db::put(std::string_view key, std::string_view value,
                       const WriteOptions& options) noexcept {
  return db::guarded([&]() -> Result<Commit> {
    Batch batch;
    SILT_TRY(batch.put(key, value));
    return put_batch(batch, options);
  });
}

Result<Commit> Db::erase(std::string_view key, const WriteOptions& options) noexcept {
  return db::guarded([&]() -> Result<Commit> {
    Batch batch;
    SILT_TRY(batch.erase(key));
    WriteOptions without_ttl = options;
    without_ttl.ttl.reset();
    return put_batch(batch, without_ttl);
  });
}

Result<Commit> Db::put_batch(const Batch& batch, const WriteOptions& options) noexcept {
  return db::guarded([&]() -> Result<Commit> {
    if (engine_ == nullptr) return std::unexpected(db::closed_error());
    db::CommitPath& commits = *SILT_TRY(engine_->commits());
    db::ReadPath& reads = *engine_->reads();
    if (batch.empty()) return Commit{.seq = reads.visible().value()};
    SILT_TRY(commits.check());
    std::string_view entries = batch.encoded();
    std::string dated;
    if (batch.has_ttl() || options.ttl) {
      dated = SILT_TRY(db::with_expiries(entries, options.ttl, reads.clock().wall_ms()));
      entries = dated;
    }
    memtable::Memtable::Staged staged(reads.memtable());
    SILT_TRY(db::stage(staged, entries));
    return commits.commit(entries, std::move(staged), options);
  });
}

std::uint64_t Db::durable_seq() const noexcept {
  if (engine_ == nullptr) return 0;
  const auto commits = engine_->commits();
  return commits ? (*commits)->durable().value() : 0;
}

Result<void> Db::wait_durable(std::uint64_t sequence,
                              std::optional<std::chrono::nanoseconds> deadline) noexcept {
  return db::guarded([&]() -> Result<void> {
    if (engine_ == nullptr) return std::unexpected(db::closed_error());
    return SILT_TRY(engine_->commits())->wait_durable(base::Sequence(sequence), deadline);
  });
}

Result<std::optional<Value>> Db::get(std::string_view key) noexcept {
  return db::guarded([&]() -> Result<std::optional<Value>> {
    if (engine_ == nullptr) return std::unexpected(db::closed_error());
    return engine_->reads()->get(key);
  });
}

Iterator Db::iterate(const IterateOptions& options) noexcept {
  try {
    auto reads = engine_ != nullptr ? engine_->reads() : db::closed_reads();
    const db::View view = reads->view();
    return Iterator(std::make_unique<db::DbIterator>(std::move(reads), view, options));
  } catch (const std::bad_alloc&) {
    return Iterator(nullptr);
  }
}

Result<Snapshot> Db::snapshot() noexcept {
  return db::guarded([&]() -> Result<Snapshot> {
    if (engine_ == nullptr || engine_->reads()->is_closed()) {
      return std::unexpected(db::closed_error());
    }
    const db::View view = engine_->reads()->view();
    return Snapshot(std::make_shared<const db::SnapshotState>(engine_->reads(), view));
  });
}

Result<void> Db::flush() noexcept {
  return db::guarded([&]() -> Result<void> {
    if (engine_ == nullptr) return std::unexpected(db::closed_error());
    return SILT_TRY(engine_->commits())->flush();
  });
}

Result<Stats> Db::stats() const noexcept {
  if (engine_ == nullptr) return std::unexpected(db::closed_error());
  return engine_->stats();
}

Result<void> Db::close() noexcept {
  return db::guarded([&]() -> Result<void> {
    if (engine_ == nullptr) return {};
    return engine_->close();
  });
}

namespace db {

Result<Db> Access::open(const Settings& settings, const io::Environment& environment) noexcept {
  return guarded([&]() -> Result<Db> {
    return Db(std::make_unique<Engine>(SILT_TRY(db::open(settings, environment))));
  });
}

}  // namespace db
}  // namespace siltstone
