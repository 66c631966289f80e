// How a store is opened: every option with its default, and one call that checks them all.
#pragma once

#include <cstdint>
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
  /// How I/O reaches the kernel. Default: automatic. Rings are proved by real operations when the
  /// store is opened, which takes well under a millisecond; never a reason to fail.
  Builder& io_backend(IoBackend value) noexcept;
  /// Requests under way in one ring at most, from 1 to 32768; the kernel rounds up to a power of
  /// two. Default: 128. Each costs about 100 bytes in each ring.
  Builder& ring_depth(std::uint32_t requests) noexcept;
  /// Let a thread of the kernel take requests from the rings, without system calls. Default: false.
  /// Costs most of a core while there is I/O. Not with posix.
  Builder& sqpoll(bool value) noexcept;
  /// Poll the device for completions of direct I/O instead of waiting for its interrupt. Default:
  /// false. Costs a core while waiting; few devices can, others do without. Not with posix.
  Builder& iopoll(bool value) noexcept;

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
  IoBackend io_backend_ = IoBackend::automatic;
  std::uint32_t ring_depth_ = 128;
  bool sqpoll_ = false;
  bool iopoll_ = false;
};

}  // namespace siltstone
