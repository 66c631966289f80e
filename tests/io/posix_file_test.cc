// PosixFile: only regular files are opened, and each call does what the seam says, also when the
// kernel refuses.
#include "io/posix_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include <doctest/doctest.h>

#include "io/deny.h"
#include "io/posix_storage.h"
#include "io/scratch.h"

using namespace siltstone;
using namespace siltstone::io;

namespace {

constexpr OpenOptions kMake{.access = Access::read_write, .create = true};
constexpr OpenOptions kWrite{.access = Access::read_write};

struct Fixture {
  Scratch scratch;
  std::unique_ptr<Directory> directory = posix_storage().open_directory(scratch.path()).value();

  std::unique_ptr<File> open(const std::string& name, OpenOptions options = kMake) {
    return directory->open(name, options).value();
  }
};

int descriptor_of(File& file) { return static_cast<PosixFile&>(file).descriptor(); }

}  // namespace

TEST_CASE("posix file: L8 a FIFO in place of a file is refused, without waiting") {
  Fixture f;
  REQUIRE(mkfifo((f.scratch / "fifo").c_str(), 0600) == 0);
  for (const OpenOptions options : {OpenOptions{}, kWrite, kMake}) {
    const auto result = f.directory->open("fifo", options);
    REQUIRE(!result);
    CHECK(result.error().path() == f.scratch / "fifo");
    CHECK(result.error().message() == "not a regular file, so it was not used");
  }
}

TEST_CASE("posix file: L8 a link in place of a file is refused, also one that leads to a file") {
  Fixture f;
  spill(f.scratch / "target", "kept");
  REQUIRE(symlink("target", (f.scratch / "link").c_str()) == 0);
  REQUIRE(symlink("nowhere", (f.scratch / "dangling").c_str()) == 0);
  for (const char* name : {"link", "dangling"}) {
    const auto result = f.directory->open(name, kMake);
    REQUIRE(!result);
    CHECK(result.error().os_error() == ELOOP);
    CHECK(!is_not_found(result.error()));
  }
  CHECK(!std::filesystem::exists(f.scratch / "nowhere"));
}

TEST_CASE("posix file: L8 a directory, a socket and a device in place of a file are refused") {
  Fixture f;
  REQUIRE(mkdir((f.scratch / "directory").c_str(), 0700) == 0);
  CHECK(!f.directory->open("directory", {}));
  CHECK(!f.directory->open("directory", kWrite));

  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(name.sun_path, (f.scratch / "socket").c_str(), sizeof(name.sun_path) - 1);
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  CHECK(!f.directory->open("socket", {}));
  close(listener);

  auto devices = posix_storage().open_directory("/dev").value();
  CHECK(!devices->open("null", {}));
}

TEST_CASE("posix file: a missing file is not found, unless it is to be made, 0600") {
  Fixture f;
  const auto missing = f.directory->open("new", {});
  REQUIRE(!missing);
  CHECK(is_not_found(missing.error()));

  const mode_t before = umask(0);
  const auto file = f.open("new");
  umask(before);
  struct stat status{};
  REQUIRE(stat((f.scratch / "new").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(file->path() == f.scratch / "new");

  const auto again =
      f.directory->open("new", {.access = Access::read_write, .create = true, .exclusive = true});
  REQUIRE(!again);
  CHECK(again.error().os_error() == EEXIST);
}

TEST_CASE("posix file: F7 a failure other than a missing name is not taken for one") {
  Fixture f;
  const bool denied = with_denied({{SYS_openat, EACCES}}, [&] {
    const auto result = f.directory->open("new", kMake);
    REQUIRE(!result);
    CHECK(result.error().os_error() == EACCES);
    CHECK(!is_not_found(result.error()));
  });
  CHECK(denied);
}

TEST_CASE("posix file: B7 G7 no descriptor is 0, 1 or 2, and none outlives an exec") {
  Fixture f;
  const int saved = dup(STDIN_FILENO);
  close(STDIN_FILENO);
  const auto file = f.open("a");
  const auto directory = posix_storage().open_directory(f.scratch.path());
  const bool still_closed = fcntl(STDIN_FILENO, F_GETFD) == -1;
  dup2(saved, STDIN_FILENO);
  close(saved);
  CHECK(still_closed);
  CHECK(descriptor_of(*file) > STDERR_FILENO);
  const auto another = f.open("b");
  for (File* opened : {file.get(), another.get()}) {
    CHECK((fcntl(descriptor_of(*opened), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("posix file: G5 running out of descriptors is an error that says so") {
  Fixture f;
  const bool denied = with_denied({{SYS_openat, EMFILE}}, [&] {
    const auto result = f.directory->open("a", kMake);
    REQUIRE(!result);
    CHECK(result.error().code() == ErrorCode::io);
    CHECK(result.error().os_error() == EMFILE);
  });
  CHECK(denied);
}

TEST_CASE("posix file: an open file is not in non-blocking mode") {
  Fixture f;
  for (const bool direct : {false, true}) {
    const auto file = f.open("a", {.access = Access::read_write, .create = true, .direct = direct});
    const int flags = fcntl(descriptor_of(*file), F_GETFL);
    CHECK((flags & O_NONBLOCK) == 0);
    CHECK(((flags & O_DIRECT) != 0) == file->direct());
  }
}

TEST_CASE("posix file: I12 direct I/O has an alignment, and what breaks it fails") {
  Fixture f;
  const auto file = f.open("a", {.access = Access::read_write, .create = true, .direct = true});
  if (!file->direct()) {
    MESSAGE("skipped: no direct I/O on this file system");
    CHECK(file->alignment() == Alignment{});
    return;
  }
  const Alignment unit = file->alignment();
  CHECK(unit.offset_bytes >= 512);
  alignas(65536) static std::array<std::byte, 131072> memory;
  CHECK(pwrite(descriptor_of(*file), memory.data(), unit.offset_bytes, 0) == unit.offset_bytes);
  CHECK(pwrite(descriptor_of(*file), memory.data(), unit.offset_bytes, unit.offset_bytes / 2) ==
        -1);
  CHECK(errno == EINVAL);
}

TEST_CASE("posix file: I12 without a named alignment a file is buffered although O_DIRECT opens") {
  struct statfs mount;
  if (statfs("/dev/shm", &mount) != 0 || mount.f_type != TMPFS_MAGIC) {
    MESSAGE("skipped: no tmpfs at /dev/shm");
    return;
  }
  const Scratch memory("/dev/shm");
  auto directory = posix_storage().open_directory(memory.path()).value();
  auto file =
      directory->open("a", {.access = Access::read_write, .create = true, .direct = true}).value();
  CHECK(!file->direct());
  CHECK(file->alignment() == Alignment{});
}

TEST_CASE("posix file: I12 refused O_DIRECT means buffered") {
  Fixture f;
  const bool denied = with_denied({{SYS_fcntl, EINVAL, 2, O_DIRECT}}, [&] {
    const auto file = f.open("a", {.access = Access::read_write, .create = true, .direct = true});
    CHECK(!file->direct());
    CHECK((fcntl(descriptor_of(*file), F_GETFL) & O_NONBLOCK) == 0);
  });
  CHECK(denied);
}

TEST_CASE("posix file: size, identity and space are told") {
  Fixture f;
  const auto file = f.open("a");
  REQUIRE(file->resize(10'000));
  CHECK(file->info()->size_bytes == 10'000);
  struct stat status{};
  REQUIRE(stat((f.scratch / "a").c_str(), &status) == 0);
  CHECK(file->info()->id == FileId{status.st_dev, status.st_ino});
  REQUIRE(file->resize(1));
  CHECK(file->info()->size_bytes == 1);
  CHECK(f.open("b")->info()->id != file->info()->id);
}

TEST_CASE("posix file: allocation extends and takes space, punching gives it back") {
  Fixture f;
  const auto file = f.open("a");
  const auto allocated = file->allocate(0, 1 << 20);
  if (!allocated && allocated.error().code() == ErrorCode::unsupported) return;
  REQUIRE(allocated);
  CHECK(file->info()->size_bytes == 1 << 20);
  CHECK(file->info()->allocated_bytes >= 1 << 20);
  REQUIRE(pwrite(descriptor_of(*file), "data", 4, 4096) == 4);
  REQUIRE(file->punch(0, 1 << 19));
  CHECK(file->info()->size_bytes == 1 << 20);
  CHECK(file->info()->allocated_bytes <= (1 << 19) + 65536);
  CHECK(slurp(f.scratch / "a").substr(4096, 4) == std::string(4, '\0'));
}

TEST_CASE("posix file: E7 I13 allocation and punching that the file system lacks are unsupported") {
  Fixture f;
  for (const int refusal : {EOPNOTSUPP, ENOSYS}) {
    std::optional<Error> allocated;
    std::optional<Error> punched;
    const bool denied = with_denied({{SYS_fallocate, refusal}}, [&] {
      const auto file = f.open("a");
      allocated = file->allocate(0, 4096).error();
      punched = file->punch(0, 4096).error();
    });
    REQUIRE(denied);
    CHECK(allocated->code() == ErrorCode::unsupported);
    CHECK(punched->code() == ErrorCode::unsupported);
  }
}

TEST_CASE("posix file: E7 an allocation that fails leaves size and space as they were") {
  Fixture f;
  struct statvfs system{};
  REQUIRE(statvfs(f.scratch.path().c_str(), &system) == 0);
  const std::uint64_t free_bytes = system.f_bavail * system.f_frsize;
  if (free_bytes > (std::uint64_t{1} << 30)) {
    MESSAGE("skipped: the file system is not small, it would have to be filled");
    return;
  }
  const auto file = f.open("a");
  REQUIRE(file->resize(8192));
  const auto before = file->info()->allocated_bytes;
  const auto result = file->allocate(0, 2 * free_bytes + (64 << 20));
  REQUIRE(!result);
  if (result.error().code() == ErrorCode::unsupported) return;
  CHECK(result.error().code() == ErrorCode::no_space);
  CHECK(file->info()->size_bytes == 8192);
  CHECK(file->info()->allocated_bytes <= before + 65536);
}

TEST_CASE("posix file: K1 a lock refuses others in this process too, and says who may share") {
  Fixture f;
  const auto first = f.open("lock");
  const auto second = f.open("lock");
  CHECK(first->try_lock(LockKind::exclusive, 0, 0) == true);
  CHECK(second->try_lock(LockKind::exclusive, 0, 0) == false);
  CHECK(second->try_lock(LockKind::shared, 7, 1) == false);
  CHECK(second->is_locked(LockKind::shared, 7, 1) == true);
  REQUIRE(first->unlock(0, 0));
  CHECK(second->is_locked(LockKind::exclusive, 0, 0) == false);

  CHECK(first->try_lock(LockKind::shared, 10, 5) == true);
  CHECK(second->try_lock(LockKind::shared, 10, 5) == true);
  CHECK(second->try_lock(LockKind::exclusive, 14, 1) == false);
  CHECK(second->try_lock(LockKind::exclusive, 15, 1) == true);
}

TEST_CASE("posix file: K1 a lock survives another close of the same file, and goes with its own") {
  Fixture f;
  auto holder = f.open("lock");
  REQUIRE(holder->try_lock(LockKind::exclusive, 0, 0) == true);
  f.open("lock").reset();
  const auto other = f.open("lock");
  CHECK(other->try_lock(LockKind::exclusive, 0, 0) == false);
  holder.reset();
  CHECK(other->try_lock(LockKind::exclusive, 0, 0) == true);
}

TEST_CASE("posix file: K5 a file system without locks is an error, not a lock that was refused") {
  Fixture f;
  for (const int refusal : {ENOLCK, ENOSYS}) {
    std::optional<Error> error;
    const bool denied = with_denied({{SYS_fcntl, refusal, 1, F_OFD_SETLK}}, [&] {
      const auto locked = f.open("lock")->try_lock(LockKind::exclusive, 0, 0);
      if (!locked) error = locked.error();
    });
    REQUIRE(denied);
    REQUIRE(error);
    CHECK(error->os_error() == refusal);
  }
}
