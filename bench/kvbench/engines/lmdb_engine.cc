// LMDB: a put is a transaction of its own, as everywhere; a thread keeps one read transaction and
// renews it for each get, which is how LMDB reads fastest. Where a power cut may cost writes it
// runs with a writable map and without syncs, its fastest way that a killed process survives.
#include <lmdb.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/try.h"
#include "engine.h"
#include "scan_sink.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kMapBytes = std::size_t{64} << 30;  // addresses, not memory
constexpr unsigned kFileMode = 0600;
constexpr unsigned kMaxReaders = 1100;  // every thread kvbench may have, and some

MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

Result<void> outcome(int code) {
  if (code == MDB_SUCCESS) return {};
  const ErrorCode kind = code == MDB_CORRUPTED                       ? ErrorCode::corruption
                         : code == MDB_MAP_FULL || code == ENOSPC    ? ErrorCode::no_space
                         : code == MDB_BAD_VALSIZE || code == EINVAL ? ErrorCode::invalid_argument
                                                                     : ErrorCode::io;
  return std::unexpected(Error(kind, fmt::format("lmdb: {}", mdb_strerror(code))));
}

struct EndTransaction {
  void operator()(MDB_txn* transaction) const noexcept { mdb_txn_abort(transaction); }
};
using Transaction = std::unique_ptr<MDB_txn, EndTransaction>;

struct CloseEnvironment {
  void operator()(MDB_env* environment) const noexcept { mdb_env_close(environment); }
};
using EnvironmentPointer = std::unique_ptr<MDB_env, CloseEnvironment>;

struct CloseCursor {
  void operator()(MDB_cursor* cursor) const noexcept { mdb_cursor_close(cursor); }
};

Result<Transaction> begin(MDB_env* environment, unsigned flags) {
  MDB_txn* transaction = nullptr;
  SILT_TRY(outcome(mdb_txn_begin(environment, nullptr, flags, &transaction)));
  return Transaction(transaction);
}

Result<void> commit(Transaction transaction) {
  return outcome(mdb_txn_commit(transaction.release()));
}

class LmdbSession final : public Session {
 public:
  LmdbSession(MDB_env* environment, MDB_dbi table, Transaction read)
      : environment_(environment), table_(table), read_(std::move(read)) {
    mdb_txn_reset(read_.get());
  }

  Result<void> put(std::string_view key, std::string_view value) override {
    const Entry entry{key, value};
    return put_batch({&entry, 1});
  }
  Result<void> put_batch(std::span<const Entry> entries) override {
    auto transaction = SILT_TRY(begin(environment_, 0));
    for (const Entry& entry : entries) {
      MDB_val key = value_of(entry.key);
      MDB_val value = value_of(entry.value);
      SILT_TRY(outcome(mdb_put(transaction.get(), table_, &key, &value, 0)));
    }
    return commit(std::move(transaction));
  }
  Result<std::optional<std::string_view>> get(std::string_view key) override {
    SILT_TRY(renew());
    MDB_val name = value_of(key);
    MDB_val value{};
    const int code = mdb_get(read_.get(), table_, &name, &value);
    if (code == MDB_NOTFOUND) return std::nullopt;
    SILT_TRY(outcome(code));
    return view(value);
  }
  Result<void> scan(ScanSink& sink) override {
    SILT_TRY(renew());
    MDB_cursor* opened = nullptr;
    SILT_TRY(outcome(mdb_cursor_open(read_.get(), table_, &opened)));
    const std::unique_ptr<MDB_cursor, CloseCursor> cursor(opened);
    MDB_val key{};
    MDB_val value{};
    int code = mdb_cursor_get(cursor.get(), &key, &value, MDB_FIRST);
    while (code == MDB_SUCCESS && sink.take(view(key), view(value))) {
      code = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? Result<void>{} : outcome(code);
  }

 private:
  // A value lives as long as its transaction, so the one before ends only now.
  Result<void> renew() {
    mdb_txn_reset(read_.get());
    return outcome(mdb_txn_renew(read_.get()));
  }

  MDB_env* environment_;  // the store outlives its sessions
  MDB_dbi table_;
  Transaction read_;
};

class LmdbStore final : public Store {
 public:
  LmdbStore(EnvironmentPointer environment, MDB_dbi table)
      : environment_(std::move(environment)), table_(table) {}

  Result<std::unique_ptr<Session>> session() override {
    auto read = SILT_TRY(begin(environment_.get(), MDB_RDONLY));
    return std::make_unique<LmdbSession>(environment_.get(), table_, std::move(read));
  }
  Result<void> close() override {
    environment_.reset();  // which tells no error
    return {};
  }

 private:
  EnvironmentPointer environment_;
  MDB_dbi table_;
};

std::string version() {
  return fmt::format("{}.{}.{}", MDB_VERSION_MAJOR, MDB_VERSION_MINOR, MDB_VERSION_PATCH);
}

NamedValues settings(const StoreOptions& store) {
  return {{"flags", store.durability == Durability::power_cut ? "none" : "WRITEMAP NOSYNC"},
          {"map", fmt::format("{} GiB", kMapBytes >> 30)},
          {"compression", "none"}};
}

Result<std::unique_ptr<Store>> create(const std::string& dir, const StoreOptions& store) {
  MDB_env* made = nullptr;
  SILT_TRY(outcome(mdb_env_create(&made)));
  EnvironmentPointer environment(made);
  SILT_TRY(outcome(mdb_env_set_mapsize(made, kMapBytes)));
  SILT_TRY(outcome(mdb_env_set_maxreaders(made, kMaxReaders)));
  unsigned flags = MDB_NOTLS;  // a session is made in one thread and used in another
  if (store.durability == Durability::kill) flags |= MDB_WRITEMAP | MDB_NOSYNC;
  SILT_TRY(outcome(mdb_env_open(made, dir.c_str(), flags, kFileMode)));
  auto transaction = SILT_TRY(begin(made, 0));
  MDB_dbi table = 0;
  SILT_TRY(outcome(mdb_dbi_open(transaction.get(), nullptr, 0, &table)));
  SILT_TRY(commit(std::move(transaction)));
  return std::make_unique<LmdbStore>(std::move(environment), table);
}

}  // namespace

extern const Engine kLmdbEngine;
const Engine kLmdbEngine = {
    .name = "lmdb",
    .keeps_data = true,
    .version = version,
    .settings = settings,
    .create = create,
};

}  // namespace siltstone::kvbench
