// Memory for direct transfers: aligned, zeroed, and in huge pages where the kernel gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <siltstone/error.h>

#include "base/bytes.h"

namespace siltstone::base {

/// `huge` asks for transparent huge pages; what comes of it, AlignedBuffer::huge() tells.
enum class PageKind : std::uint8_t { normal, huge };

/// Owns a mapping of its own, aligned to 4 KiB (2 MiB when huge); all zero at first, so that no
/// byte of it that reaches a disk was ever anything else. Movable. May be used from any thread.
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignmentBytes = 4096;
  static constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

  /// At least `size` bytes, rounded up to the alignment; none for 0. `out_of_memory`.
  [[nodiscard]] static Result<AlignedBuffer> allocate(std::size_t size,
                                                      PageKind kind = PageKind::normal);

  AlignedBuffer() = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), huge_(std::exchange(other.huge_, false)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { release(); }

  [[nodiscard]] MutableBytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::byte* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  // Of whole pages of the buffer.
  /// Brings them into memory, as far as the kernel will (it can since Linux 5.14).
  void populate(std::size_t offset, std::size_t size) const noexcept;
  /// Gives their memory back: they are zero again. For huge pages, give back whole ones.
  void discard(std::size_t offset, std::size_t size) const noexcept;
  /// True when the kernel took the advice to use huge pages.
  [[nodiscard]] bool huge() const noexcept { return huge_; }

 private:
  void release() noexcept;

  MutableBytes bytes_;
  bool huge_ = false;
};

}  // namespace siltstone::base
