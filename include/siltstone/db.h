// Siltstone: an ordered, durable, crash-safe map from byte strings to byte strings in a directory.
//
//   auto db = siltstone::Db::builder("data").build();   // std::expected<Db, Error>
//   if (!db) return report(db.error());
//   if (auto put = db->put("k", "v"); !put) return report(put.error());
//   auto value = db->get("k");                          // Result<std::optional<Value>>
//
// Promises of this version:
// - A write that returned ok is on stable storage, unless a weaker mode was asked for: see
//   Durability. Concurrent writers share one device flush.
// - After a crash the store holds the state after some prefix of the writes in the order they were
//   committed, at least up to the last acknowledged one: never a hole, never half a batch.
// - Reads never show what a power cut could still take back.
// - What is read was checked against its checksum when it came from disk; damage is an error.
// - After a failed write or sync of the log, writes are refused with that cause, and reads go on.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <siltstone/batch.h>
#include <siltstone/builder.h>
#include <siltstone/error.h>
#include <siltstone/export.h>
#include <siltstone/iterator.h>
#include <siltstone/options.h>
#include <siltstone/snapshot.h>
#include <siltstone/stats.h>
#include <siltstone/value.h>

namespace siltstone {

namespace db {
class Engine;
struct Access;
}  // namespace db

/// What became of a write.
struct Commit {
  /// Position of its last operation in the order of all writes, from 1.
  std::uint64_t seq = 0;
  /// How long it waited to be admitted, and why; nothing, as a rule. The wait for its own flush of
  /// the device is not counted.
  std::chrono::nanoseconds waited{0};
  StallCause cause = StallCause::none;
};

/// An open store. Every call but close() and destruction is thread-safe.
class SILT_EXPORT Db {
 public:
  /// Starts opening the store in directory `dir`; nothing happens before build().
  [[nodiscard]] static Builder builder(std::string_view dir);

  Db(Db&& other) noexcept;
  Db& operator=(Db&& other) noexcept;
  /// Closes, and ignores the error that close() would report.
  ~Db();

  /// Sets `key` to `value`. Limits: kMaxKeyBytes, kMaxValueBytes (invalid_argument). The empty key
  /// is a key. When it returns ok, the write is as safe as the Durability of the store says.
  ///
  /// Error::outcome() tells what became of a write that failed. With a deadline it may be
  /// `timed_out`: before the write had its place it is not applied; after that it is `pending`.
  /// A write of more than a quarter of the log's buffer (8 MiB) may overrun its deadline.
  ///
  /// With WriteOptions::ttl the value is there until that much wall clock time has passed since the
  /// call; then the key reads as if it was erased, whatever it held before. The moment is stored
  /// with the value: it is the same after a crash, and comes also while the store is closed. Who
  /// sets the clock moves it: a value that had expired may show again. A later put without it is
  /// for ever. invalid_argument, naming the time, when it is zero or less, or ends later than
  /// 64 bits of milliseconds since 1970 can tell. Costs 8 bytes, and a reading of the clock for
  /// each write and each get of such a value.
  [[nodiscard]] Result<Commit> put(std::string_view key, std::string_view value,
                                   const WriteOptions& options = {}) noexcept;
  /// Removes `key`; that it was not there is not an error.
  [[nodiscard]] Result<Commit> erase(std::string_view key,
                                     const WriteOptions& options = {}) noexcept;
  /// Applies all of `batch` or nothing. An empty batch changes nothing and answers the newest
  /// sequence.
  [[nodiscard]] Result<Commit> put_batch(const Batch& batch,
                                         const WriteOptions& options = {}) noexcept;

  /// Every write up to this sequence is on stable storage. 0 when read-only, or closed.
  [[nodiscard]] std::uint64_t durable_seq() const noexcept;
  /// Waits until every write up to `sequence` (that some write returned) is on stable storage, and
  /// sees to it that this happens. `timed_out` at the deadline; otherwise why it will never be.
  [[nodiscard]] Result<void> wait_durable(
      std::uint64_t sequence,
      std::optional<std::chrono::nanoseconds> deadline = std::nullopt) noexcept;

  /// The newest value of `key`, or nothing: absence is not an error.
  [[nodiscard]] Result<std::optional<Value>> get(std::string_view key) noexcept;
  /// Walks the keys within the bounds in ascending order, from the first one. An error shows in the
  /// iterator's status().
  [[nodiscard]] Iterator iterate(const IterateOptions& options = {}) noexcept;
  /// The store as it is now, to be read later; see Snapshot.
  [[nodiscard]] Result<Snapshot> snapshot() noexcept;

  /// Returns when everything acknowledged before is on stable storage, or tells why it cannot be.
  [[nodiscard]] Result<void> flush() noexcept;
  /// What the store tells about itself, now.
  [[nodiscard]] Result<Stats> stats() const noexcept;

  /// Flushes, marks a clean end, lets go of the directory, and reports what failed on the way.
  /// Calls after it answer `closed`, also those of its iterators and snapshots, which may live on.
  /// Idempotent. Not to be called while other calls run.
  [[nodiscard]] Result<void> close() noexcept;

 private:
  friend struct db::Access;
  explicit Db(std::unique_ptr<db::Engine> engine) noexcept;

  std::unique_ptr<db::Engine> engine_;  // null once moved from
};

}  // namespace siltstone
