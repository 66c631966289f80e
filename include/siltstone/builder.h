// How a store is opened: every option with its default, and one call that checks them all.
#pragma once

#include <chrono>
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
  /// What a crash may take back of the writes that returned. Default: every_commit. The next two
  /// calls set it as well.
  Builder& durability(Durability value) noexcept;
  /// Mode interval: how much a power cut may lose, 1 ms to 1 h; the shorter, the more flushes of
  /// the device. Default: 100 ms. Adds a file of 8 MiB at most to the store.
  Builder& sync_interval(std::chrono::nanoseconds value) noexcept;
  /// Mode write_back: bytes of writes that may not be on the device, 64 KiB to 1 GiB, in memory.
  /// Default: 8 MiB. When half of it is full it is written in the background.
  Builder& write_back_cache(std::uint64_t bytes) noexcept;
  /// Mode write_back: the same bound in operations, from 1. Default: none.
  Builder& write_buffer_ops(std::uint64_t operations) noexcept;
  /// Sets what a preset sets, but for what is set by a call of its own. Default: maximum_safety.
  Builder& preset(Preset value) noexcept;
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
  /// Memory for entries, in bytes: 1 MiB to 16 GiB. Default: 1 GiB. It is address space at first,
  /// and becomes memory as it fills. An entry takes its key and value and about 100 bytes besides.
  /// In this version a store keeps everything in it: writes fail with out_of_memory when it is
  /// full, and so does build() when the log holds more.
  Builder& memtable_bytes(std::uint64_t value) noexcept;

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
  Preset preset_ = Preset::maximum_safety;
  std::optional<Durability> durability_;
  std::optional<std::chrono::nanoseconds> sync_interval_;
  std::optional<std::uint64_t> write_back_cache_;
  std::optional<std::uint64_t> write_buffer_ops_;
  IoBackend io_backend_ = IoBackend::automatic;
  std::uint32_t ring_depth_ = 128;
  bool sqpoll_ = false;
  bool iopoll_ = false;
  std::uint64_t memtable_bytes_ = std::uint64_t{1} << 30;
};

}  // namespace siltstone
