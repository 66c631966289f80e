// Memory in which a cursor rebuilds keys: it grows to the longest, and may be written a step of
// sixteen bytes beyond, so that copies need not count bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

namespace siltstone::table {

/// Copies `count` bytes in steps of sixteen: up to sixteen more are read and written, also when
/// there are none to copy.
inline void copy_in_steps(char* to, const char* from, std::size_t count) noexcept {
  constexpr std::size_t kStep = 16;
  std::size_t done = 0;
  do {
    std::memcpy(to + done, from + done, kStep);
    done += kStep;
  } while (done < count);
}

/// Owns its memory; movable, which leaves nothing behind. Not thread-safe.
class KeyBuffer {
 public:
  /// What may be written behind the bytes asked for.
  static constexpr std::size_t kSlackBytes = 32;

  /// Room for keys of so many bytes, and the slack. What was there may be lost. Throws only
  /// std::bad_alloc.
  void reserve(std::size_t bytes) {
    if (bytes <= capacity_) [[likely]]
      return;
    const std::size_t grown = std::max({bytes, 2 * capacity_, kFirstBytes});
    bytes_ = std::make_unique_for_overwrite<char[]>(grown + kSlackBytes);
    capacity_ = grown;
  }

  [[nodiscard]] char* data() const noexcept { return bytes_.get(); }

 private:
  static constexpr std::size_t kFirstBytes = 224;  // 256 with the slack

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
};

}  // namespace siltstone::table
