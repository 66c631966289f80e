// Error: one pointer to an immutable, reference-counted detail. Null is out_of_memory, so that
// running out of memory can always be told.
#include "base/error.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>

#include <fmt/format.h>

namespace siltstone {

struct Error::Detail {
  mutable std::atomic<std::uint32_t> references{1};
  ErrorCode code{};
  std::string message;
  std::string path;
  bool has_offset = false;
  bool has_mismatch = false;
  WriteOutcome outcome = WriteOutcome::not_applied;
  int os_error = 0;
  std::uint64_t offset = 0;
  std::uint64_t expected = 0;
  std::uint64_t actual = 0;
  std::uint64_t sequence = 0;

  static const Detail* share(const Detail* detail) noexcept {
    if (detail != nullptr) detail->references.fetch_add(1, std::memory_order_relaxed);
    return detail;
  }
  static void release(const Detail* detail) noexcept {
    if (detail != nullptr && detail->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete detail;
    }
  }
};

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::busy: return "busy";
    case ErrorCode::closed: return "closed";
    case ErrorCode::corruption: return "corruption";
    case ErrorCode::io: return "io";
    case ErrorCode::no_space: return "no_space";
    case ErrorCode::read_only: return "read_only";
    case ErrorCode::timed_out: return "timed_out";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::out_of_memory: return "out_of_memory";
  }
  return "unknown";
}

Error::Error(ErrorCode code, std::string_view message) noexcept : detail_(nullptr) {
  try {
    auto* detail = new Detail;
    detail_ = detail;
    detail->code = code;
    detail->message = message;
  } catch (const std::bad_alloc&) {
    Detail::release(detail_);
    detail_ = nullptr;
  }
}

Error::Error(const Error& other) noexcept : detail_(Detail::share(other.detail_)) {}

Error::Error(Error&& other) noexcept : detail_(other.detail_) { other.detail_ = nullptr; }

Error& Error::operator=(const Error& other) noexcept {
  const Detail* old = detail_;
  detail_ = Detail::share(other.detail_);
  Detail::release(old);
  return *this;
}

Error& Error::operator=(Error&& other) noexcept {
  if (this != &other) {
    Detail::release(detail_);
    detail_ = other.detail_;
    other.detail_ = nullptr;
  }
  return *this;
}

Error::~Error() { Detail::release(detail_); }

ErrorCode Error::code() const noexcept {
  return detail_ != nullptr ? detail_->code : ErrorCode::out_of_memory;
}

std::string_view Error::message() const noexcept {
  return detail_ != nullptr ? std::string_view(detail_->message) : "memory could not be allocated";
}

std::string_view Error::path() const noexcept {
  return detail_ != nullptr ? std::string_view(detail_->path) : std::string_view();
}

bool Error::has_offset() const noexcept { return detail_ != nullptr && detail_->has_offset; }

std::uint64_t Error::offset() const noexcept { return detail_ != nullptr ? detail_->offset : 0; }

int Error::os_error() const noexcept { return detail_ != nullptr ? detail_->os_error : ENOMEM; }

bool Error::has_mismatch() const noexcept { return detail_ != nullptr && detail_->has_mismatch; }

std::uint64_t Error::expected() const noexcept {
  return detail_ != nullptr ? detail_->expected : 0;
}

std::uint64_t Error::actual() const noexcept { return detail_ != nullptr ? detail_->actual : 0; }

WriteOutcome Error::outcome() const noexcept {
  return detail_ != nullptr ? detail_->outcome : WriteOutcome::not_applied;
}

std::uint64_t Error::sequence() const noexcept {
  return detail_ != nullptr ? detail_->sequence : 0;
}

std::string Error::to_string() const {
  std::string text(siltstone::to_string(code()));
  text += ": ";
  if (!path().empty()) {
    text += path();
    if (has_offset()) text += fmt::format(" at offset {}", offset());
    text += ": ";
  }
  text += message();
  if (os_error() != 0) {
    const char* name = strerrorname_np(os_error());
    const char* words = strerrordesc_np(os_error());
    text += fmt::format(": {} ({})", words != nullptr ? words : "unknown error",
                        name != nullptr ? name : std::to_string(os_error()));
  }
  if (has_mismatch()) text += fmt::format(" (expected {:#x}, actual {:#x})", expected(), actual());
  return text;
}

namespace base {

ErrorBuilder::ErrorBuilder(ErrorCode code, std::string_view message, int os_error) noexcept
    : error_(code, message) {
  if (auto* d = detail()) d->os_error = os_error;
}

// The builder made the detail and has not shared it yet, so it may still be written.
Error::Detail* ErrorBuilder::detail() noexcept {
  return const_cast<Error::Detail*>(error_.detail_);
}

ErrorBuilder& ErrorBuilder::path(std::string_view path) noexcept {
  try {
    if (auto* d = detail()) d->path = path;
  } catch (const std::bad_alloc&) {
    error_ = Error(static_cast<const Error::Detail*>(nullptr));
  }
  return *this;
}

ErrorBuilder& ErrorBuilder::offset(std::uint64_t offset) noexcept {
  if (auto* d = detail()) {
    d->offset = offset;
    d->has_offset = true;
  }
  return *this;
}

ErrorBuilder& ErrorBuilder::mismatch(std::uint64_t expected, std::uint64_t actual) noexcept {
  if (auto* d = detail()) {
    d->expected = expected;
    d->actual = actual;
    d->has_mismatch = true;
  }
  return *this;
}

ErrorBuilder& ErrorBuilder::outcome(WriteOutcome outcome, std::uint64_t sequence) noexcept {
  if (auto* d = detail()) {
    d->outcome = outcome;
    d->sequence = sequence;
  }
  return *this;
}

ErrorBuilder fail_os(int os_error, std::string_view what) noexcept {
  const ErrorCode code = [os_error] {
    switch (os_error) {
      case ENOSPC:
      case EDQUOT:
      case EFBIG: return ErrorCode::no_space;
      case EROFS: return ErrorCode::read_only;
      case ENOMEM: return ErrorCode::out_of_memory;
      default: return ErrorCode::io;
    }
  }();
  return {code, what, os_error};
}

}  // namespace base
}  // namespace siltstone
