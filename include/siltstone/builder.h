// How a store is opened: every option with its default, and one call that checks them all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <siltstone/error.h>
#include <siltstone/export.h>
#include <siltstone/options.h>

namespace siltstone {

class Db;

/// Collects options; build() checks them all and opens. Copyable, reusable.
class SILT_EXPORT Builder {
 public:
  /// Prefer Db::builder().
  explicit Builder(std::string_view dir) : dir_(dir) {}

  /// Make the store if the directory is missing or empty. Default: true. Its parent must exist.
  Builder& create_if_missing(bool value) noexcept;
  /// Take no lock that keeps a writer out, write no byte, and refuse writes. Sees what was
  /// committed when it was opened. Default: false.
  Builder& read_only(bool value) noexcept;
  /// Compression of log frames. Default: snappy where the library was built with it, else none.
  /// Asking for a codec the library lacks makes build() fail with `unsupported`.
  Builder& compression(Compression value) noexcept;
  /// What to do about a damaged log. Default: strict.
  Builder& recovery(RecoveryMode value) noexcept;

  /// Opens the store and recovers what is in it. Errors: invalid_argument naming every fault of the
  /// options, or a path that is no directory; busy when another writer has it; corruption with file
  /// and offset; unsupported for a newer format; io and no_space from the system. After an error
  /// nothing that was there has been changed.
  [[nodiscard]] Result<Db> build() const noexcept;

 private:
  std::string dir_;
  bool create_if_missing_ = true;
  bool read_only_ = false;
  std::optional<Compression> compression_;
  RecoveryMode recovery_ = RecoveryMode::strict;
};

}  // namespace siltstone
