// Memory in whole cache lines, on the heap: for what is built once and then searched.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "base/bytes.h"

namespace siltstone::table {

inline constexpr std::size_t kCacheLineBytes = 64;

[[nodiscard]] constexpr std::size_t whole_lines(std::size_t bytes) noexcept {
  return (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

/// Owns its bytes. They stay where they are when it is moved, which leaves nothing behind.
class LineBuffer {
 public:
  /// Two lines, which processors like to fetch together.
  static constexpr std::size_t kAlignmentBytes = 2 * kCacheLineBytes;

  LineBuffer() = default;
  /// `size` rounded up to whole lines, all zero. Throws std::bad_alloc.
  explicit LineBuffer(std::size_t size)
      : bytes_(new(std::align_val_t{kAlignmentBytes}) std::byte[whole_lines(size)]{},
               Free{whole_lines(size)}) {}

  [[nodiscard]] std::byte* data() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept {
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }

 private:
  struct Free {
    std::size_t size;  // zero by default: unique_ptr value-initializes it

    void operator()(std::byte* bytes) const noexcept {
      ::operator delete[](bytes, std::align_val_t{kAlignmentBytes});
    }
  };

  std::unique_ptr<std::byte[], Free> bytes_;
};

}  // namespace siltstone::table
