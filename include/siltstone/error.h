// Errors are values: every call that can fail returns Result<T>, and an Error says what happened,
// where, and what to do about it. No exception crosses the API, but for the std::bad_alloc of what
// makes a std::string for the caller or copies one: to_string(), copies of a Batch, a Builder.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <siltstone/export.h>

namespace siltstone {

namespace base {
class ErrorBuilder;
}

/// What kind of failure it is. The values never change; new ones may be added.
enum class ErrorCode : std::uint8_t {
  invalid_argument = 1,  ///< The call breaks a documented limit; nothing was changed.
  busy = 2,              ///< Another writer has the store open.
  closed = 3,            ///< The handle was closed, or belongs to the parent of a fork.
  corruption = 4,        ///< Stored bytes are not what was written. Never "not found".
  io = 5,                ///< The operating system failed an operation; see os_error().
  no_space = 6,          ///< Disk, quota or inodes are used up.
  read_only = 7,         ///< The store, or this handle on it, takes no writes.
  timed_out = 8,         ///< A deadline passed.
  unsupported = 9,       ///< A newer format, or a feature this build or machine lacks.
  out_of_memory = 10,    ///< Memory could not be had; nothing was changed.
};

/// What became of a write that returned an error.
enum class WriteOutcome : std::uint8_t {
  /// It was never taken, and never shows. Also of every error that is not of a write.
  not_applied,
  /// It was taken and goes on without its caller, as the one at sequence() in the order of writes:
  /// wait_durable() tells what becomes of it.
  pending,
  /// The log failed with it. In this process it does not show (unless it did already, which the
  /// weaker modes of durability allow); the next open decides whether it counts, and that is final.
  undecided,
};

/// The name of a code as it is spelled above, for logs. The text lives for ever.
[[nodiscard]] SILT_EXPORT std::string_view to_string(ErrorCode code) noexcept;

/// One failure. As large as a pointer; copies share one immutable detail, so an Error may be
/// copied, moved and read on any thread. A moved-from Error may only be destroyed or assigned to.
class SILT_EXPORT Error {
 public:
  /// Code with message only; internal code gives path, offset and errno as well. Never throws: when
  /// memory is short, the result is an out_of_memory error instead.
  Error(ErrorCode code, std::string_view message) noexcept;
  Error(const Error& other) noexcept;
  Error(Error&& other) noexcept;
  Error& operator=(const Error& other) noexcept;
  Error& operator=(Error&& other) noexcept;
  ~Error();

  /// What kind of failure; decide on this.
  [[nodiscard]] ErrorCode code() const noexcept;
  /// What happened, and where it helps what to do; one sentence for a person, without the place.
  [[nodiscard]] std::string_view message() const noexcept;
  /// The file or directory concerned; empty when there is none.
  [[nodiscard]] std::string_view path() const noexcept;
  /// True when offset() means something.
  [[nodiscard]] bool has_offset() const noexcept;
  /// Byte offset in path(); 0 without has_offset().
  [[nodiscard]] std::uint64_t offset() const noexcept;
  /// The errno of the operating system; 0 when there is none.
  [[nodiscard]] int os_error() const noexcept;
  /// True when expected() and actual() mean something.
  [[nodiscard]] bool has_mismatch() const noexcept;
  /// With has_mismatch(): the value that should have been there, such as a checksum.
  [[nodiscard]] std::uint64_t expected() const noexcept;
  /// With has_mismatch(): the value that was there.
  [[nodiscard]] std::uint64_t actual() const noexcept;
  /// Of a failed write: what became of it.
  [[nodiscard]] WriteOutcome outcome() const noexcept;
  /// Of a pending write: the sequence of its last operation. 0 otherwise.
  [[nodiscard]] std::uint64_t sequence() const noexcept;
  /// All in one line: "corruption: data/wal/0 at offset 4096: ... (expected 0x1, actual 0x2)".
  [[nodiscard]] std::string to_string() const;

 private:
  friend class base::ErrorBuilder;
  struct Detail;
  explicit Error(const Detail* detail) noexcept : detail_(detail) {}

  // Reference-counted; null stands for out_of_memory and needs no allocation.
  const Detail* detail_;
};

/// A T, or the Error that kept it away.
template <typename T>
using Result = std::expected<T, Error>;

}  // namespace siltstone
