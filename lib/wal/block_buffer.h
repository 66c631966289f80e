// Memory for transfers of whole blocks: aligned to a block, which satisfies direct I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "base/bytes.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// Uninitialised bytes.
class BlockBuffer {
 public:
  BlockBuffer() = default;
  /// Throws std::bad_alloc.
  explicit BlockBuffer(std::size_t size) { require(size); }

  /// Makes it at least this long, which forgets what is in it if it was not. Throws std::bad_alloc,
  /// and then nothing has changed.
  void require(std::size_t size) {
    if (size <= size_) return;
    memory_.reset(static_cast<std::byte*>(::operator new(size, kAlignment)));
    size_ = size;
  }
  [[nodiscard]] base::MutableBytes bytes() const noexcept { return {memory_.get(), size_}; }

 private:
  static constexpr std::align_val_t kAlignment{kBlockBytes};
  struct Free {
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, kAlignment); }
  };

  std::unique_ptr<std::byte, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace siltstone::wal
