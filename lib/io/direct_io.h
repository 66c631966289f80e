// Whether a file can be read and written past the page cache, and in which units.
#pragma once

#include <cstdint>
#include <optional>

#include "io/storage.h"

namespace siltstone::io {

/// What the kernel said about direct I/O on a file, and what it is able to say.
struct DirectIoAnswer {
  bool named = false;  ///< The file system gave an alignment (0: not for this file).
  std::uint32_t memory_bytes = 0;
  std::uint32_t offset_bytes = 0;
  bool kernel_can_name = false;  ///< Linux 6.1 and later, or a kernel that proved it by naming one.
  bool ext4_or_xfs = false;
};

/// The alignment to use, or nothing where direct I/O proves nothing about the disk: a file system
/// that takes O_DIRECT but names no alignment (tmpfs, btrfs) may still serve reads from memory. On
/// a kernel too old to name any, ext4 and XFS take 4096: such kernels know no larger sector.
[[nodiscard]] std::optional<Alignment> direct_alignment(const DirectIoAnswer& answer) noexcept;

/// Asks the kernel about an open file.
[[nodiscard]] DirectIoAnswer ask_direct_io(int descriptor) noexcept;

}  // namespace siltstone::io
