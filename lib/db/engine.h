// What a Db handle points to: owns the parts of an open store, and ends them in order.
#pragma once

#include <memory>

#include <siltstone/error.h>
#include <siltstone/stats.h>

#include "db/open.h"

namespace siltstone::db {

/// Thread-safe, but for close().
class Engine {
 public:
  explicit Engine(Parts parts) noexcept;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  /// Closes, and ignores the error. In a child of a fork it does nothing.
  ~Engine();

  [[nodiscard]] const std::shared_ptr<ReadPath>& reads() const noexcept { return parts_.reads; }
  /// Where writes go; `closed` or `read_only` when they go nowhere.
  [[nodiscard]] Result<CommitPath*> commits() noexcept;
  /// What the log held when the store was opened.
  [[nodiscard]] const wal::LogState& recovered() const noexcept { return parts_.recovered; }

  /// How I/O is done, and how much of it by rings. `closed` after close().
  [[nodiscard]] Result<Stats> stats() const noexcept;

  /// Ends the log, then lets go of the lock; readers get `closed` from here on. Idempotent: only
  /// the first call reports what failed.
  [[nodiscard]] Result<void> close();

 private:
  Parts parts_;
};

}  // namespace siltstone::db
