// LevelDB with a write buffer of 64 MiB and filters of 10 bits per key, which it leaves out unless
// asked.
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "base/try.h"
#include "engine.h"
#include "scan_sink.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kWriteBufferBytes = std::size_t{64} << 20;
constexpr int kFilterBits = 10;

leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const leveldb::Slice& slice) { return {slice.data(), slice.size()}; }

Result<void> outcome(const leveldb::Status& status) {
  if (status.ok()) return {};
  const ErrorCode code = status.IsCorruption() ? ErrorCode::corruption : ErrorCode::io;
  return std::unexpected(Error(code, "leveldb: " + status.ToString()));
}

class LeveldbSession final : public Session {
 public:
  LeveldbSession(leveldb::DB& db, leveldb::WriteOptions write) : db_(db), write_(write) {}

  Result<void> put(std::string_view key, std::string_view value) override {
    return outcome(db_.Put(write_, slice(key), slice(value)));
  }
  Result<void> put_batch(std::span<const Entry> entries) override {
    batch_.Clear();
    for (const Entry& entry : entries) batch_.Put(slice(entry.key), slice(entry.value));
    return outcome(db_.Write(write_, &batch_));
  }
  Result<std::optional<std::string_view>> get(std::string_view key) override {
    const leveldb::Status status = db_.Get({}, slice(key), &value_);
    if (status.IsNotFound()) return std::nullopt;
    SILT_TRY(outcome(status));
    return value_;
  }
  Result<void> scan(ScanSink& sink) override {
    const std::unique_ptr<leveldb::Iterator> it(db_.NewIterator({}));
    for (it->SeekToFirst(); it->Valid() && sink.take(view(it->key()), view(it->value()));) {
      it->Next();
    }
    return outcome(it->status());
  }

 private:
  leveldb::DB& db_;  // the store outlives its sessions
  const leveldb::WriteOptions write_;
  leveldb::WriteBatch batch_;
  std::string value_;
};

/// What a database of LevelDB borrows from its maker, and the database.
struct Parts {
  std::unique_ptr<leveldb::Cache> cache;
  std::unique_ptr<const leveldb::FilterPolicy> filter;
  std::unique_ptr<leveldb::DB> db;
};

class LeveldbStore final : public Store {
 public:
  LeveldbStore(Parts parts, leveldb::WriteOptions write)
      : parts_(std::move(parts)), write_(write) {}

  Result<std::unique_ptr<Session>> session() override {
    return std::make_unique<LeveldbSession>(*parts_.db, write_);
  }
  Result<void> close() override {
    parts_.db.reset();  // which tells no error
    return {};
  }

 private:
  Parts parts_;
  const leveldb::WriteOptions write_;
};

std::string version() {
  return fmt::format("{}.{}", leveldb::kMajorVersion, leveldb::kMinorVersion);
}

NamedValues settings(const StoreOptions& store) {
  return {{"wal", store.durability == Durability::power_cut ? "sync" : "no sync"},
          {"compression", "snappy"},
          {"cache", fmt::format("{} MiB", store.memory_bytes >> 20)},
          {"write_buffer", fmt::format("{} MiB", kWriteBufferBytes >> 20)},
          {"filter_bits", fmt::format("{}", kFilterBits)}};
}

Result<std::unique_ptr<Store>> create(const std::string& dir, const StoreOptions& store) {
  Parts parts{.cache = std::unique_ptr<leveldb::Cache>(leveldb::NewLRUCache(store.memory_bytes)),
              .filter = std::unique_ptr<const leveldb::FilterPolicy>(
                  leveldb::NewBloomFilterPolicy(kFilterBits)),
              .db = nullptr};
  leveldb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.write_buffer_size = kWriteBufferBytes;
  options.block_cache = parts.cache.get();
  options.filter_policy = parts.filter.get();
  leveldb::DB* db = nullptr;
  SILT_TRY(outcome(leveldb::DB::Open(options, dir, &db)));
  parts.db.reset(db);
  leveldb::WriteOptions write;
  write.sync = store.durability == Durability::power_cut;
  return std::make_unique<LeveldbStore>(std::move(parts), write);
}

}  // namespace

extern const Engine kLeveldbEngine;
const Engine kLeveldbEngine = {
    .name = "leveldb",
    .keeps_data = true,
    .version = version,
    .settings = settings,
    .create = create,
};

}  // namespace siltstone::kvbench
