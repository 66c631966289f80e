// Page frames of one writer: one aligned mapping, given out so that frames taken one after the
// other lie one after the other, and a run of pages is one buffer to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "page/extent.h"

namespace siltstone::page {

using FrameIndex = std::uint32_t;

/// Not thread-safe.
class FramePool {
 public:
  [[nodiscard]] static Result<FramePool> make(std::size_t bytes, base::PageKind kind);

  /// The next free frame behind the last one taken; nothing when all are in use.
  [[nodiscard]] std::optional<FrameIndex> take() noexcept;
  void give_back(FrameIndex frame) noexcept;

  [[nodiscard]] base::MutableBytes bytes(FrameIndex frame) const noexcept {
    return memory_.bytes().subspan(frame * kPageBytes, kPageBytes);
  }
  [[nodiscard]] std::size_t size() const noexcept { return in_use_.size(); }
  [[nodiscard]] std::size_t available() const noexcept { return available_; }
  [[nodiscard]] bool huge() const noexcept { return memory_.huge(); }

 private:
  explicit FramePool(base::AlignedBuffer memory)
      : memory_(std::move(memory)),
        in_use_(memory_.size() / kPageBytes),
        available_(in_use_.size()) {}

  base::AlignedBuffer memory_;
  std::vector<bool> in_use_;
  std::size_t available_;
  std::size_t next_ = 0;
};

}  // namespace siltstone::page
