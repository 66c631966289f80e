// Memory for transfers of whole blocks: aligned to a block, which satisfies direct I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "base/bytes.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// Uninitialised bytes. Pages that are never used cost nothing.
class BlockBuffer {
 public:
  /// Throws std::bad_alloc.
  explicit BlockBuffer(std::size_t size)
      : memory_(static_cast<std::byte*>(::operator new(size, kAlignment))), size_(size) {}

  [[nodiscard]] base::MutableBytes bytes() const noexcept { return {memory_.get(), size_}; }

 private:
  static constexpr std::align_val_t kAlignment{kBlockBytes};
  struct Free {
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, kAlignment); }
  };

  std::unique_ptr<std::byte, Free> memory_;
  std::size_t size_;
};

}  // namespace siltstone::wal
