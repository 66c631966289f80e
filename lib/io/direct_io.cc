// statx names the alignment of direct I/O since Linux 6.1. The C library may be older than that, so
// the two fields are read by their place in the structure, which is part of the kernel's ABI.
#include "io/direct_io.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace siltstone::io {
namespace {

constexpr unsigned kStatxDirectIoAlign = 0x2000;  // STATX_DIOALIGN
constexpr std::size_t kMemoryAlignPlace = 152;    // stx_dio_mem_align, then stx_dio_offset_align
constexpr std::uint32_t kOldKernelAlignBytes = 4096;
constexpr long kXfsMagic = 0x58465342;

static_assert(sizeof(struct statx) == 256);

// "6.18.44-something" is 6.18.
bool kernel_is_at_least(int major, int minor) noexcept {
  utsname names{};
  if (uname(&names) != 0) return false;
  int have_major = 0;
  int have_minor = 0;
  const char* const end = names.release + std::strlen(names.release);
  const auto dot = std::from_chars(names.release, end, have_major);
  if (dot.ptr != end) std::from_chars(dot.ptr + 1, end, have_minor);
  return have_major != major ? have_major > major : have_minor >= minor;
}

}  // namespace

std::optional<Alignment> direct_alignment(const DirectIoAnswer& answer) noexcept {
  if (answer.named) {
    if (answer.memory_bytes == 0 || answer.offset_bytes == 0) return std::nullopt;
    return Alignment{answer.memory_bytes, answer.offset_bytes};
  }
  if (answer.kernel_can_name || !answer.ext4_or_xfs) return std::nullopt;
  return Alignment{kOldKernelAlignBytes, kOldKernelAlignBytes};
}

DirectIoAnswer ask_direct_io(int descriptor) noexcept {
  DirectIoAnswer answer;
  struct statx status{};
  if (statx(descriptor, "", AT_EMPTY_PATH, kStatxDirectIoAlign, &status) == 0 &&
      (status.stx_mask & kStatxDirectIoAlign) != 0) {
    std::array<std::byte, sizeof(status)> raw;
    std::memcpy(raw.data(), &status, sizeof(status));
    std::memcpy(&answer.memory_bytes, &raw[kMemoryAlignPlace], sizeof(std::uint32_t));
    std::memcpy(&answer.offset_bytes, &raw[kMemoryAlignPlace + 4], sizeof(std::uint32_t));
    answer.named = true;
  }
  answer.kernel_can_name = answer.named || kernel_is_at_least(6, 1);
  struct statfs file_system{};
  if (fstatfs(descriptor, &file_system) == 0) {
    answer.ext4_or_xfs = file_system.f_type == EXT4_SUPER_MAGIC || file_system.f_type == kXfsMagic;
  }
  return answer;
}

}  // namespace siltstone::io
