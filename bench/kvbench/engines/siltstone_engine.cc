// Siltstone through its public interface.
#include <atomic>
#include <chrono>

#include <fmt/format.h>
#include <siltstone/db.h>
#include <siltstone/version.h>

#include "base/compression.h"
#include "base/try.h"
#include "engine.h"
#include "scan_sink.h"

namespace siltstone::kvbench {
namespace {

// Everything is in memory in this version, and mapped as it is used.
constexpr std::uint64_t kMemtableBytes = std::uint64_t{8} << 30;
constexpr std::chrono::milliseconds kSyncInterval{100};  // the library's default

class SiltstoneSession final : public Session {
 public:
  explicit SiltstoneSession(Db& db) : db_(db) {}

  Result<void> put(std::string_view key, std::string_view value) override {
    SILT_TRY(db_.put(key, value));
    return {};
  }
  Result<void> put_batch(std::span<const Entry> entries) override {
    batch_.clear();
    for (const Entry& entry : entries) SILT_TRY(batch_.put(entry.key, entry.value));
    SILT_TRY(db_.put_batch(batch_));
    return {};
  }
  Result<std::optional<std::string_view>> get(std::string_view key) override {
    value_ = SILT_TRY(db_.get(key));
    if (!value_) return std::nullopt;
    return value_->view();
  }
  Result<void> scan(ScanSink& sink) override {
    auto it = db_.iterate();
    while (it.valid() && sink.take(it.key(), it.value())) it.next();
    return it.status();
  }

 private:
  Db& db_;  // the store outlives its sessions
  Batch batch_;
  std::optional<Value> value_;
};

class SiltstoneStore final : public Store {
 public:
  explicit SiltstoneStore(Db db) : db_(std::move(db)) {}

  Result<std::unique_ptr<Session>> session() override {
    return std::make_unique<SiltstoneSession>(db_);
  }
  Result<void> close() override { return db_.close(); }
  std::optional<std::uint64_t> syncs() const override {
    const auto stats = db_.stats();
    if (!stats) return std::nullopt;
    return stats->log.drains + stats->log.marks;  // one flush of the device each
  }

 private:
  Db db_;
};

/// Snappy wherever the library has it, as everybody gets it by default; asked for by name, so that
/// what is printed is what was measured.
Compression compression(const StoreOptions& store) {
  const bool can = base::codec_available(base::Codec::snappy);
  return can && store.compress ? Compression::snappy : Compression::none;
}

std::string version() { return siltstone::version(); }

/// What the last store that was made found to work here.
std::atomic<IoBackend> io_backend{IoBackend::automatic};

const char* io_backend_name() {
  switch (io_backend.load()) {
    case IoBackend::automatic: return "automatic";
    case IoBackend::uring: return "uring";
    case IoBackend::posix: return "posix";
  }
  return "unknown";
}

NamedValues settings(const StoreOptions& store) {
  return {{"durability", store.durability == Durability::power_cut
                             ? std::string("every_commit")
                             : fmt::format("interval of {} ms", kSyncInterval.count())},
          {"memtable", fmt::format("{} GiB", kMemtableBytes >> 30)},
          {"compression", compression(store) == Compression::snappy ? "snappy" : "none"},
          {"io_backend", io_backend_name()},
          {"log_io", "posix"}};  // whatever the backend, unless rings are insisted on
}

Result<std::unique_ptr<Store>> create(const std::string& dir, const StoreOptions& store) {
  auto builder = Db::builder(dir).compression(compression(store)).memtable_bytes(kMemtableBytes);
  builder.create_if_missing(!store.is_there);
  if (store.durability == Durability::kill) builder.sync_interval(kSyncInterval);
  auto db = SILT_TRY(builder.build());
  const Stats stats = SILT_TRY(db.stats());
  io_backend = stats.io_backend;
  return std::make_unique<SiltstoneStore>(std::move(db));
}

}  // namespace

extern const Engine kSiltstoneEngine;
const Engine kSiltstoneEngine = {
    .name = "siltstone",
    .keeps_data = true,
    .version = version,
    .settings = settings,
    .create = create,
};

}  // namespace siltstone::kvbench
