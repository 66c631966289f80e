// A store as it was at one moment: for reads that must agree with each other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <siltstone/error.h>
#include <siltstone/export.h>
#include <siltstone/iterator.h>
#include <siltstone/options.h>
#include <siltstone/value.h>

namespace siltstone {

namespace db {
struct SnapshotState;
}

/// Sees exactly the writes that were visible when it was made, for its whole life, each batch
/// whole, and of entries with a time to live those that had not expired then.
///
///   auto snap = db.snapshot();
///   auto from = snap->get("account/1");
///   auto to = snap->get("account/2");    // of the same moment, whatever is written meanwhile
///
/// A handle: copies share one moment. Thread-safe, but for assignment, moving and destruction.
/// Making one costs an allocation and a reading of the clock, a copy a counter; none of it waits
/// for writers, or makes them wait. What it sees stays in memory as long as it lives: release it
/// when it is of no more use.
///
/// It may outlive its Db: after close() its reads answer `closed`, as in a child of a fork. While
/// close() runs nothing may be read from it.
class SILT_EXPORT Snapshot {
 public:
  Snapshot(const Snapshot& other) noexcept;
  Snapshot& operator=(const Snapshot& other) noexcept;
  /// What was moved from is closed.
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&& other) noexcept;
  /// Releases it; in any order with others, and with the Db.
  ~Snapshot();

  /// The last write it sees: Commit::seq of that, 0 before the first one. 0 once moved from.
  [[nodiscard]] std::uint64_t seq() const noexcept;
  /// As Db::get(), at its moment.
  [[nodiscard]] Result<std::optional<Value>> get(std::string_view key) const noexcept;
  /// As Db::iterate(), at its moment. The iterator may outlive it.
  [[nodiscard]] Iterator iterate(const IterateOptions& options = {}) const noexcept;

 private:
  friend class Db;
  explicit Snapshot(std::shared_ptr<const db::SnapshotState> state) noexcept;

  std::shared_ptr<const db::SnapshotState> state_;  // null once moved from
};

}  // namespace siltstone
