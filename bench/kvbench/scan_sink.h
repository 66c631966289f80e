// Where a scan puts its entries: counts them, and times and checks some or all of them.
//
// take() is inline and costs one comparison for an entry at which nothing is to be done, so that
// the harness does not hide the speed of a fast engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <siltstone/error.h>

#include "sampler.h"

namespace siltstone::kvbench {

class Progress;
class Values;

/// Thread-bound; used for one scan.
class ScanSink {
 public:
  /// Wants up to `limit` entries (at least 1). With `expected` every entry is checked: keys 0, 1,
  /// 2.. in this order, each with its value. All are borrowed.
  ScanSink(std::uint64_t limit, const Values* expected, Sampler& sampler, Progress& progress);

  /// True while more is wanted. The last byte of key and value is read, so that an engine that
  /// hands out pointers into unread memory pays for it here as it would with any user.
  bool take(std::string_view key, std::string_view value) noexcept {
    bytes_ += key.size() + value.size();
    if (!key.empty()) touched_ ^= key.back();
    if (!value.empty()) touched_ ^= value.back();
    if (++count_ < next_event_) [[likely]]
      return true;
    return handle_event(key, value);
  }

  /// Entries taken, and the bytes of their keys and values.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// Ok, or what was wrong with the entry that ended the scan.
  [[nodiscard]] Result<void> status() const;

 private:
  bool handle_event(std::string_view key, std::string_view value) noexcept;
  void time_entry() noexcept;
  [[nodiscard]] bool as_expected(std::string_view key, std::string_view value) noexcept;

  std::uint64_t count_ = 0;
  std::uint64_t next_event_ = 1;
  std::uint64_t bytes_ = 0;
  char touched_ = 0;
  bool timing_ = true;  ///< The entry at next_timing_ ends an interval that began at begin_ns_.
  std::uint64_t begin_ns_;
  std::uint64_t next_timing_ = 1;
  std::uint64_t reported_ = 0;  ///< Entries that the progress knows of.
  const std::uint64_t limit_;
  const Values* const expected_;
  Sampler& sampler_;
  Progress& progress_;
  std::optional<std::uint64_t> wrong_at_;
};

}  // namespace siltstone::kvbench
