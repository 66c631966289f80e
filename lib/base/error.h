// How the layers make errors: fail(code, "what happened").path(p).offset(o) converts to any Result.
// Building an error never throws; without memory it becomes the out_of_memory error.
#pragma once

#include <cstdint>
#include <string_view>

#include <siltstone/error.h>

namespace siltstone::base {

class ErrorBuilder {
 public:
  ErrorBuilder(ErrorCode code, std::string_view message, int os_error = 0) noexcept;
  ErrorBuilder(const ErrorBuilder&) = delete;
  ErrorBuilder& operator=(const ErrorBuilder&) = delete;
  ~ErrorBuilder() = default;

  ErrorBuilder& path(std::string_view path) noexcept;
  ErrorBuilder& offset(std::uint64_t offset) noexcept;
  ErrorBuilder& mismatch(std::uint64_t expected, std::uint64_t actual) noexcept;

  ErrorBuilder& outcome(WriteOutcome outcome, std::uint64_t sequence = 0) noexcept;

  [[nodiscard]] Error build() const noexcept { return error_; }
  // Implicit, so that `return fail(...)` ends any function that returns a Result.
  template <typename T>
  operator std::expected<T, Error>() const noexcept {
    return std::unexpected(error_);
  }
  operator Error() const noexcept { return error_; }

 private:
  Error::Detail* detail() noexcept;

  Error error_;
};

[[nodiscard]] inline ErrorBuilder fail(ErrorCode code, std::string_view message) noexcept {
  return {code, message};
}

/// The error for a failed system call: the code follows from the errno (ENOSPC, EDQUOT and EFBIG
/// are no_space, EROFS read_only, ENOMEM out_of_memory, the rest io). `what` names the attempt:
/// "open".
[[nodiscard]] ErrorBuilder fail_os(int os_error, std::string_view what) noexcept;

}  // namespace siltstone::base
