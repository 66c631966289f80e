// An owned file descriptor, never 0, 1 or 2: a host that closed those would otherwise have its
// diagnostics written into our files.
#pragma once

#include <cerrno>
#include <string_view>
#include <utility>

#include <siltstone/error.h>

namespace siltstone::io {

class FileDescriptor {
 public:
  /// Takes over what a system call returned; for -1, the error of errno. `what` and `path` name the
  /// attempt.
  [[nodiscard]] static Result<FileDescriptor> own(int descriptor, std::string_view what,
                                                  std::string_view path);

  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~FileDescriptor();

  [[nodiscard]] int get() const noexcept { return value_; }
  /// Hands it over; the caller closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(value_, -1); }

 private:
  explicit FileDescriptor(int value) noexcept : value_(value) {}

  int value_;
};

/// Repeats a system call that signals interrupt. A storm of them ends in EINTR rather than never.
template <typename Call>
auto uninterrupted(Call call) noexcept {
  constexpr int kMaxAttempts = 100;
  auto result = call();
  for (int i = 1; i < kMaxAttempts && result == -1 && errno == EINTR; ++i) result = call();
  return result;
}

}  // namespace siltstone::io
