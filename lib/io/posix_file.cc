// PosixFile: see posix_file.h and, for what each call means, storage.h.
#include "io/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/try.h"
#include "io/direct_io.h"
#include "io/posix_mapping.h"

namespace siltstone::io {
namespace {

// stat counts blocks in this unit, whatever the file system's is.
constexpr std::uint64_t kStatBlockBytes = 512;

int open_flags(const OpenOptions& options) noexcept {
  int flags = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
  flags |= O_NONBLOCK;  // a FIFO in place of the file would wait for its other end
  flags |= options.access == Access::read ? O_RDONLY : O_RDWR;
  if (options.create) flags |= O_CREAT;
  if (options.create && options.exclusive) flags |= O_EXCL;
  return flags;
}

struct flock lock_range(short type, std::uint64_t offset, std::uint64_t length) noexcept {
  struct flock range{};  // l_pid must be 0 for locks of an open file description
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(offset);
  range.l_len = static_cast<off_t>(length);
  return range;
}

short lock_type(LockKind kind) noexcept { return kind == LockKind::shared ? F_RDLCK : F_WRLCK; }

base::ErrorBuilder space_error(int os_error, const char* what) noexcept {
  if (os_error == EOPNOTSUPP || os_error == ENOSYS) {
    return {ErrorCode::unsupported, what, os_error};
  }
  return base::fail_os(os_error, what);
}

}  // namespace

Result<std::unique_ptr<File>> PosixFile::open(int directory, const char* name, std::string path,
                                              OpenOptions options) {
  auto descriptor = SILT_TRY(FileDescriptor::own(
      uninterrupted([&] { return openat(directory, name, open_flags(options), 0600); }), "open",
      path));
  struct stat status{};
  if (fstat(descriptor.get(), &status) != 0) return base::fail_os(errno, "stat").path(path);
  if (!S_ISREG(status.st_mode)) {
    return base::fail(ErrorCode::io, "not a regular file, so it was not used").path(path);
  }
  auto file = std::make_unique<PosixFile>(std::move(descriptor), std::move(path));
  file->settle_mode(options.direct);
  return file;
}

// Direct I/O is switched on only now: an open with O_DIRECT that fails may already have made the
// file. O_NONBLOCK goes, since a ring would answer EAGAIN where it should wait.
void PosixFile::settle_mode(bool direct) noexcept {
  const auto alignment =
      direct ? direct_alignment(ask_direct_io(descriptor())) : std::optional<Alignment>();
  if (alignment && fcntl(descriptor(), F_SETFL, O_DIRECT) == 0) {
    direct_ = true;
    alignment_ = *alignment;
  } else {
    fcntl(descriptor(), F_SETFL, 0);
  }
}

// Without the times: since Linux 6.13 (multigrain timestamps) whoever has seen a file's makes the
// next write to it note new ones, on ext4 through the journal, half as long as the flush itself.
Result<FileInfo> PosixFile::info() {
  struct statx status{};
  constexpr unsigned kWanted = STATX_INO | STATX_SIZE | STATX_BLOCKS;
  if (statx(descriptor(), "", AT_EMPTY_PATH, kWanted, &status) != 0) {
    return base::fail_os(errno, "stat").path(path_);
  }
  return FileInfo{
      .id = {makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino},
      .size_bytes = status.stx_size,
      .allocated_bytes = status.stx_blocks * kStatBlockBytes,
  };
}

Result<void> PosixFile::resize(std::uint64_t size_bytes) {
  const auto size = static_cast<off_t>(size_bytes);
  if (uninterrupted([&] { return ftruncate(descriptor(), size); }) != 0) {
    return base::fail_os(errno, "resize").path(path_).offset(size_bytes);
  }
  return {};
}

// A fallocate that runs out of space keeps what it got, also beyond the end of the file: cutting
// the file to the size it has gives that back.
Result<void> PosixFile::allocate(std::uint64_t offset, std::uint64_t length) {
  const FileInfo before = SILT_TRY(info());
  const auto from = static_cast<off_t>(offset);
  const auto count = static_cast<off_t>(length);
  if (uninterrupted([&] { return fallocate(descriptor(), 0, from, count); }) == 0) return {};
  const Error error = space_error(errno, "allocate").path(path_).offset(offset);
  if (error.code() != ErrorCode::unsupported) {
    // Should this fail too, the first failure is the one to tell.
    static_cast<void>(resize(before.size_bytes));
  }
  return std::unexpected(error);
}

Result<void> PosixFile::punch(std::uint64_t offset, std::uint64_t length) {
  const auto from = static_cast<off_t>(offset);
  const auto count = static_cast<off_t>(length);
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (uninterrupted([&] { return fallocate(descriptor(), mode, from, count); }) != 0) {
    return space_error(errno, "punch").path(path_).offset(offset);
  }
  return {};
}

Result<std::unique_ptr<Mapping>> PosixFile::map(std::size_t length) {
  return PosixMapping::map(descriptor(), length, path_);
}

Result<bool> PosixFile::try_lock(LockKind kind, std::uint64_t offset, std::uint64_t length) {
  struct flock range = lock_range(lock_type(kind), offset, length);
  if (uninterrupted([&] { return fcntl(descriptor(), F_OFD_SETLK, &range); }) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return base::fail_os(errno, "lock").path(path_);
}

Result<void> PosixFile::unlock(std::uint64_t offset, std::uint64_t length) {
  struct flock range = lock_range(F_UNLCK, offset, length);
  if (uninterrupted([&] { return fcntl(descriptor(), F_OFD_SETLK, &range); }) != 0) {
    return base::fail_os(errno, "unlock").path(path_);
  }
  return {};
}

Result<bool> PosixFile::is_locked(LockKind kind, std::uint64_t offset, std::uint64_t length) {
  struct flock range = lock_range(lock_type(kind), offset, length);
  if (uninterrupted([&] { return fcntl(descriptor(), F_OFD_GETLK, &range); }) != 0) {
    return base::fail_os(errno, "look at the lock").path(path_);
  }
  return range.l_type != F_UNLCK;
}

}  // namespace siltstone::io
