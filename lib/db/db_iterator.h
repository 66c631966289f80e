// A cursor kept within bounds that passes over what is not there, and answers `closed` once its
// store is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <siltstone/error.h>
#include <siltstone/options.h>

#include "db/read_path.h"
#include "memtable/cursor.h"

namespace siltstone::db {

/// What a public Iterator forwards to. Thread-bound.
class DbIterator {
 public:
  /// Sees what is there from `view`. Stands on the first key within the bounds, which are copied.
  /// Throws only std::bad_alloc.
  DbIterator(std::shared_ptr<const ReadPath> reads, const View& view, const IterateOptions& bounds);
  DbIterator(const DbIterator&) = delete;
  DbIterator& operator=(const DbIterator&) = delete;
  ~DbIterator() = default;

  [[nodiscard]] bool valid() const noexcept;
  [[nodiscard]] std::string_view key() const noexcept { return cursor_.key(); }
  [[nodiscard]] std::string_view value() const noexcept { return cursor_.value(); }
  /// Milliseconds of wall clock since 1970; nothing when it does not expire.
  [[nodiscard]] std::optional<std::int64_t> expiry() const noexcept;
  void next() noexcept;
  void seek(std::string_view key) noexcept;
  [[nodiscard]] Result<void> status() const noexcept;

 private:
  void skip_absent() noexcept;
  [[nodiscard]] bool within_bounds(std::string_view key) const noexcept;

  const std::shared_ptr<const ReadPath> reads_;  // keeps alive what the cursor walks
  const std::string prefix_;
  const std::string first_;  // the larger of prefix and `from`: no key before it counts
  const std::string end_;    // exclusive; empty: none
  const std::int64_t now_;   // decides what has expired
  memtable::Cursor cursor_;
};

}  // namespace siltstone::db
