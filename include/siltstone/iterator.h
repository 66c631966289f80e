// An ordered walk over the keys of a store as they were at one moment.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include <siltstone/error.h>
#include <siltstone/export.h>

namespace siltstone {

namespace db {
class DbIterator;
}

/// Sees exactly the writes that were visible when it was made, for its whole life, and of entries
/// with a time to live those that had not expired then. Thread-bound.
///
///   auto it = db.iterate({.prefix = "user/"});
///   for (; it.valid(); it.next()) use(it.key(), it.value());
///   if (auto status = it.status(); !status) report(status.error());
///
/// It may outlive its Db: after close() it is no longer valid() and status() tells `closed`.
class SILT_EXPORT Iterator {
 public:
  /// As the wall clock tells it, UTC.
  using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

  Iterator(Iterator&& other) noexcept;
  Iterator& operator=(Iterator&& other) noexcept;
  ~Iterator();

  /// True while it stands on an entry. False at the end, and after an error: see status().
  [[nodiscard]] bool valid() const noexcept;
  /// The entry it stands on. Requires valid(); the views live until the next move.
  [[nodiscard]] std::string_view key() const noexcept;
  [[nodiscard]] std::string_view value() const noexcept;
  /// From when on reads do not find this entry; nothing when it stays. Requires valid(). It may
  /// have passed: an iterator goes on to show what was there when it was made.
  [[nodiscard]] std::optional<WallTime> expiry() const noexcept;
  /// Moves to the next larger key. Requires valid().
  void next() noexcept;
  /// Moves to the first key at or after `key` within the bounds.
  void seek(std::string_view key) noexcept;
  /// Why an iteration ended early; ok when it simply reached its end.
  [[nodiscard]] Result<void> status() const noexcept;

 private:
  friend class Db;
  friend class Snapshot;
  explicit Iterator(std::unique_ptr<db::DbIterator> state) noexcept;

  std::unique_ptr<db::DbIterator> state_;
};

}  // namespace siltstone
