// Mappings of real files: on ext4, and refused elsewhere.
#include "io/posix_mapping.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <doctest/doctest.h>

#include "io/complete.h"
#include "io/posix_storage.h"
#include "io/scratch.h"

using namespace siltstone;
using namespace siltstone::io;

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBytes = 64 * kPage;

bool is_ext4(const std::string& path) {
  struct statfs file_system{};
  return statfs(path.c_str(), &file_system) == 0 && file_system.f_type == EXT4_SUPER_MAGIC;
}

struct Fixture {
  Fixture() { REQUIRE(file->resize(kBytes)); }
  /// Null, and a message, where the file system does not map.
  std::unique_ptr<Mapping> map() {
    auto mapped = file->map(kBytes);
    if (mapped) return std::move(*mapped);
    MESSAGE("skipped: " << mapped.error().to_string());
    CHECK(mapped.error().code() == ErrorCode::unsupported);
    CHECK(!is_ext4(scratch.path()));
    return nullptr;
  }

  Scratch scratch;
  std::unique_ptr<Directory> directory = posix_storage().open_directory(scratch.path()).value();
  std::unique_ptr<File> file =
      directory->open("f", {.access = Access::read_write, .create = true}).value();
};

}  // namespace

TEST_CASE("posix mapping: what is stored is in the file, also once the file is closed") {
  Fixture f;
  const auto mapping = f.map();
  if (mapping == nullptr) return;
  REQUIRE(mapping->bytes().size() == kBytes);
  f.file.reset();
  REQUIRE(mapping->populate(0, kBytes));
  std::ranges::fill(mapping->bytes(), std::byte{'m'});
  CHECK(slurp(f.scratch / "f") == std::string(kBytes, 'm'));
}

TEST_CASE("posix mapping: populate says what a store would die of") {
  Fixture f;
  const auto mapping = f.map();
  if (mapping == nullptr) return;
  REQUIRE(mapping->populate(kBytes - kPage, kPage));
  REQUIRE(f.file->resize(kBytes / 2));
  const auto refused = mapping->populate(kBytes - kPage, kPage);
  REQUIRE(!refused);
  CHECK(refused.error().os_error() == EFAULT);
  CHECK(refused.error().path() == f.scratch / "f");
  CHECK(refused.error().offset() == kBytes - kPage);
  CHECK(mapping->populate(0, kBytes / 2));
}

TEST_CASE("posix mapping: a forked child does not have it") {
  Fixture f;
  const auto mapping = f.map();
  if (mapping == nullptr) return;
  REQUIRE(mapping->populate(0, kPage));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    unsigned char resident = 0;
    const bool is_gone =
        mincore(mapping->bytes().data(), kPage, &resident) == -1 && errno == ENOMEM;
    _exit(is_gone ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("posix mapping: on other file systems it is refused") {
  constexpr const char* kElsewhere = "/dev/shm";
  if (access(kElsewhere, W_OK) != 0 || is_ext4(kElsewhere)) return;
  const Scratch scratch{std::string(kElsewhere)};
  const auto directory = posix_storage().open_directory(scratch.path()).value();
  const auto file = directory->open("f", {.access = Access::read_write, .create = true}).value();
  REQUIRE(file->resize(kBytes));
  CHECK(file->map(kBytes).error().code() == ErrorCode::unsupported);
}
