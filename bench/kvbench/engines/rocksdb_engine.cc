// RocksDB, at the settings with which it reads and writes small entries best on few cores: the
// lock-free cache, filters of 10 bits per key, a hash index in data blocks, a write buffer of
// 64 MiB and two background jobs.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>

#include "base/try.h"
#include "engine.h"
#include "scan_sink.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kWriteBufferBytes = std::size_t{64} << 20;
constexpr std::size_t kBlockBytes = 4096;  // also what the cache expects of an entry
constexpr double kFilterBits = 10;
constexpr int kBackgroundJobs = 2;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Result<void> outcome(const rocksdb::Status& status) {
  if (status.ok()) return {};
  const ErrorCode code = status.IsCorruption() ? ErrorCode::corruption
                         : status.IsNoSpace()  ? ErrorCode::no_space
                                               : ErrorCode::io;
  return std::unexpected(Error(code, "rocksdb: " + status.ToString()));
}

class RocksdbSession final : public Session {
 public:
  RocksdbSession(rocksdb::DB& db, const rocksdb::WriteOptions& write) : db_(db), write_(write) {}

  Result<void> put(std::string_view key, std::string_view value) override {
    return outcome(db_.Put(write_, slice(key), slice(value)));
  }
  Result<void> put_batch(std::span<const Entry> entries) override {
    batch_.Clear();
    for (const Entry& entry : entries) {
      SILT_TRY(outcome(batch_.Put(slice(entry.key), slice(entry.value))));
    }
    return outcome(db_.Write(write_, &batch_));
  }
  Result<std::optional<std::string_view>> get(std::string_view key) override {
    value_.Reset();
    const rocksdb::Status status = db_.Get(read_, db_.DefaultColumnFamily(), slice(key), &value_);
    if (status.IsNotFound()) return std::nullopt;
    SILT_TRY(outcome(status));
    return view(value_);
  }
  Result<void> scan(ScanSink& sink) override {
    const std::unique_ptr<rocksdb::Iterator> it(db_.NewIterator(read_));
    for (it->SeekToFirst(); it->Valid() && sink.take(view(it->key()), view(it->value()));) {
      it->Next();
    }
    return outcome(it->status());
  }

 private:
  rocksdb::DB& db_;  // the store outlives its sessions
  const rocksdb::WriteOptions write_;
  const rocksdb::ReadOptions read_;
  rocksdb::WriteBatch batch_;
  rocksdb::PinnableSlice value_;
};

class RocksdbStore final : public Store {
 public:
  RocksdbStore(std::unique_ptr<rocksdb::DB> db, const rocksdb::WriteOptions& write)
      : db_(std::move(db)), write_(write) {}

  Result<std::unique_ptr<Session>> session() override {
    return std::make_unique<RocksdbSession>(*db_, write_);
  }
  Result<void> close() override { return outcome(db_->Close()); }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  const rocksdb::WriteOptions write_;
};

std::string version() { return rocksdb::GetRocksVersionAsString(); }

bool has_snappy() {
  const auto codecs = rocksdb::GetSupportedCompressions();
  return std::ranges::find(codecs, rocksdb::kSnappyCompression) != codecs.end();
}

rocksdb::Options make_options(const StoreOptions& store) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache =
      rocksdb::HyperClockCacheOptions(store.memory_bytes, kBlockBytes).MakeSharedCache();
  table.block_size = kBlockBytes;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBits));
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  rocksdb::Options options;
  options.create_if_missing = !store.is_there;
  options.error_if_exists = !store.is_there;
  options.write_buffer_size = std::max<std::uint64_t>(kWriteBufferBytes, store.unflushed_bytes);
  options.max_background_jobs = kBackgroundJobs;
  options.compression =
      has_snappy() && store.compress ? rocksdb::kSnappyCompression : rocksdb::kNoCompression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

NamedValues settings(const StoreOptions& store) {
  return {{"wal", store.durability == Durability::power_cut ? "sync" : "no sync"},
          {"compression", has_snappy() && store.compress ? "snappy" : "none"},
          {"cache", fmt::format("hyper clock, {} MiB", store.memory_bytes >> 20)},
          {"write_buffer", fmt::format("{} MiB", kWriteBufferBytes >> 20)},
          {"filter_bits", fmt::format("{}", kFilterBits)},
          {"block_bytes", fmt::format("{}", kBlockBytes)},
          {"block_index", "hash"},
          {"background_jobs", fmt::format("{}", kBackgroundJobs)}};
}

Result<std::unique_ptr<Store>> create(const std::string& dir, const StoreOptions& store) {
  rocksdb::DB* db = nullptr;
  SILT_TRY(outcome(rocksdb::DB::Open(make_options(store), dir, &db)));
  rocksdb::WriteOptions write;
  write.sync = store.durability == Durability::power_cut;
  return std::make_unique<RocksdbStore>(std::unique_ptr<rocksdb::DB>(db), write);
}

}  // namespace

extern const Engine kRocksdbEngine;
const Engine kRocksdbEngine = {
    .name = "rocksdb",
    .keeps_data = true,
    .version = version,
    .settings = settings,
    .create = create,
};

}  // namespace siltstone::kvbench
