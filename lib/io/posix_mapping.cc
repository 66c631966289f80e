// PosixMapping: see posix_mapping.h and, for what each call means, storage.h.
#include "io/posix_mapping.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/error.h"
#include "io/file_descriptor.h"

namespace siltstone::io {
namespace {

// Since Linux 5.14; the C library may be older than that, the number is part of the kernel's ABI.
constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE

bool is_on_list(int descriptor) noexcept {
  struct statfs file_system{};
  return fstatfs(descriptor, &file_system) == 0 && file_system.f_type == EXT4_SUPER_MAGIC;
}

}  // namespace

Result<std::unique_ptr<Mapping>> PosixMapping::map(int descriptor, std::size_t length,
                                                   std::string_view path) {
  if (!is_on_list(descriptor)) {
    return base::fail(ErrorCode::unsupported, "files are mapped on ext4 only").path(path);
  }
  void* const mapped = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) return base::fail_os(errno, "map").path(path);
  auto mapping = std::make_unique<PosixMapping>(std::span(static_cast<std::byte*>(mapped), length),
                                                std::string(path));
  // The advice is looked at before the range, which is empty.
  if (madvise(mapped, 0, kPopulateWrite) != 0) {
    return base::ErrorBuilder(ErrorCode::unsupported, "the kernel cannot populate a mapping", errno)
        .path(path);
  }
  // Neither is needed for what the mapping promises. Pages are locked as they are populated: to
  // lock them now would read the whole file, into folios of a size that its writer may not want.
  static_cast<void>(madvise(mapped, length, MADV_DONTFORK));
  static_cast<void>(mlock2(mapped, length, MLOCK_ONFAULT));
  return mapping;
}

PosixMapping::~PosixMapping() { munmap(bytes_.data(), bytes_.size()); }

Result<void> PosixMapping::populate(std::size_t offset, std::size_t length) noexcept {
  std::byte* const begin = bytes_.data() + offset;
  if (uninterrupted([&] { return madvise(begin, length, kPopulateWrite); }) == 0) return {};
  // EFAULT stands for the SIGBUS that a store would have met, whatever the file system's reason.
  return base::fail_os(errno, "have a mapping backed").path(path_).offset(offset);
}

}  // namespace siltstone::io
