// PosixDirectory: names are one component, links are not followed, and a failure is never an empty
// answer.
#include "io/posix_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include <doctest/doctest.h>

#include "io/deny.h"
#include "io/posix_storage.h"
#include "io/scratch.h"

using namespace siltstone;
using namespace siltstone::io;

namespace {

constexpr OpenOptions kMake{.access = Access::read_write, .create = true};

struct Fixture {
  Scratch scratch;
  Storage& storage = posix_storage();
  std::unique_ptr<Directory> directory = storage.open_directory(scratch.path()).value();

  std::vector<std::string> sorted_list() {
    auto names = directory->list().value();
    std::ranges::sort(names);
    return names;
  }
};

}  // namespace

TEST_CASE("posix directory: L7 a name is one component") {
  Fixture f;
  using namespace std::string_view_literals;
  for (const auto name : {""sv, "."sv, ".."sv, "a/b"sv, "/a"sv, "a/"sv, "../a"sv, "a\0b"sv}) {
    CAPTURE(name);
    CHECK(f.directory->open(name, kMake).error().code() == ErrorCode::invalid_argument);
    CHECK(f.directory->open_directory(name).error().code() == ErrorCode::invalid_argument);
    CHECK(f.directory->make_directory(name).error().code() == ErrorCode::invalid_argument);
    CHECK(f.directory->remove(name).error().code() == ErrorCode::invalid_argument);
    CHECK(f.directory->rename(name, "x").error().code() == ErrorCode::invalid_argument);
    CHECK(f.directory->rename("x", name).error().code() == ErrorCode::invalid_argument);
  }
  CHECK(f.sorted_list().empty());
}

TEST_CASE("posix directory: a name may have 255 bytes and no more") {
  Fixture f;
  CHECK(f.directory->open(std::string(255, 'n'), kMake));
  const auto longer = f.directory->open(std::string(256, 'n'), kMake);
  REQUIRE(!longer);
  CHECK(longer.error().os_error() == ENAMETOOLONG);
}

TEST_CASE(
    "posix directory: L8 a link in place of a directory is refused, with a slash after it too") {
  Fixture f;
  REQUIRE(f.directory->make_directory("real"));
  REQUIRE(symlink("real", (f.scratch / "link").c_str()) == 0);
  CHECK(f.storage.open_directory(f.scratch / "real"));
  CHECK(f.storage.open_directory(f.scratch / "real///"));
  CHECK(!f.storage.open_directory(f.scratch / "link"));
  CHECK(!f.storage.open_directory(f.scratch / "link/"));
  CHECK(!f.directory->open_directory("link"));
  CHECK(f.storage.open_directory("/"));
}

TEST_CASE("posix directory: K2 two paths to one directory are known by their identity") {
  Fixture f;
  REQUIRE(f.directory->make_directory("real"));
  REQUIRE(f.directory->make_directory("real2"));
  REQUIRE(symlink(".", (f.scratch / "self").c_str()) == 0);
  const auto straight = f.storage.open_directory(f.scratch / "real").value();
  const auto around = f.storage.open_directory(f.scratch / "self/real").value();
  const auto other = f.storage.open_directory(f.scratch / "real2").value();
  CHECK(straight->id().value() == around->id().value());
  CHECK(straight->id().value() != other->id().value());
}

TEST_CASE("posix directory: a file in place of a directory is an error that names it") {
  Fixture f;
  spill(f.scratch / "file", "kept");
  const auto result = f.storage.open_directory(f.scratch / "file");
  REQUIRE(!result);
  CHECK(result.error().os_error() == ENOTDIR);
  CHECK(result.error().path() == f.scratch / "file");
  CHECK(!is_not_found(result.error()));
  CHECK(!is_not_found(f.storage.open_directory(f.scratch / "file/below").error()));
  CHECK(is_not_found(f.storage.open_directory(f.scratch / "missing").error()));
  CHECK(f.storage.open_directory("").error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("posix directory: directories are made 0700, once, below one that is there") {
  Fixture f;
  const mode_t before = umask(0);
  CHECK(f.storage.make_directory(f.scratch / "new/"));
  umask(before);
  struct stat status{};
  REQUIRE(stat((f.scratch / "new").c_str(), &status) == 0);
  CHECK(S_ISDIR(status.st_mode));
  CHECK((status.st_mode & 07777) == 0700);
  CHECK(f.storage.make_directory(f.scratch / "new").error().os_error() == EEXIST);
  CHECK(f.directory->make_directory("new").error().os_error() == EEXIST);
  CHECK(is_not_found(f.storage.make_directory(f.scratch / "missing/new").error()));
}

TEST_CASE("posix directory: a path without a slash is below the working directory") {
  Fixture f;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(f.scratch.path());
  const bool made = f.storage.make_directory("plain").has_value();
  const bool opened = f.storage.open_directory("plain").has_value();
  std::filesystem::current_path(before);
  CHECK(made);
  CHECK(opened);
  CHECK(f.sorted_list() == std::vector<std::string>{"plain"});
}

TEST_CASE("posix directory: A5 D5 a directory whose entry could not be made durable is an error") {
  Fixture f;
  std::optional<Error> made;
  std::optional<Error> synced;
  const bool denied = with_denied({{SYS_fsync, EIO}}, [&] {
    made = f.storage.make_directory(f.scratch / "new").error();
    synced = f.directory->sync().error();
  });
  REQUIRE(denied);
  CHECK(made->os_error() == EIO);
  CHECK(synced->os_error() == EIO);
  CHECK(synced->path() == f.scratch.path());
  CHECK(f.directory->sync());
}

TEST_CASE("posix directory: E10 without inodes there is no space, and the name is told") {
  Fixture f;
  std::optional<Error> made;
  std::optional<Error> opened;
  const bool denied = with_denied({{SYS_openat, ENOSPC}, {SYS_mkdirat, ENOSPC}}, [&] {
    made = f.directory->make_directory("sub").error();
    opened = f.directory->open("new", {.access = Access::read_write, .create = true}).error();
  });
  REQUIRE(denied);
  CHECK(made->code() == ErrorCode::no_space);
  CHECK(opened->code() == ErrorCode::no_space);
  CHECK(opened->path().ends_with("/new"));
}

TEST_CASE("posix directory: K7 a directory that was renamed is still the same one") {
  Fixture f;
  REQUIRE(f.directory->make_directory("before"));
  auto inner = f.directory->open_directory("before").value();
  REQUIRE(f.directory->rename("before", "after"));
  REQUIRE(inner->open("file", kMake));
  CHECK(std::filesystem::exists(f.scratch / "after/file"));
}

TEST_CASE("posix directory: renaming replaces, removing removes, both of what is there") {
  Fixture f;
  spill(f.scratch / "a", "new");
  spill(f.scratch / "b", "old");
  REQUIRE(f.directory->rename("a", "b"));
  CHECK(slurp(f.scratch / "b") == "new");
  CHECK(f.sorted_list() == std::vector<std::string>{"b"});
  CHECK(is_not_found(f.directory->rename("a", "b").error()));
  REQUIRE(f.directory->remove("b"));
  CHECK(is_not_found(f.directory->remove("b").error()));
  CHECK(f.sorted_list().empty());
}

TEST_CASE("posix directory: a list names everything, more than once if asked") {
  Fixture f;
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    names.push_back("name-" + std::to_string(i));
    spill(f.scratch / names.back(), "");
  }
  std::ranges::sort(names);
  CHECK(f.sorted_list() == names);
  CHECK(f.sorted_list() == names);
}

TEST_CASE("posix directory: F6 a list that could not be read is an error, not an empty list") {
  Fixture f;
  spill(f.scratch / "a", "");
  std::optional<Error> error;
  const bool denied = with_denied({{SYS_getdents64, EIO}}, [&] {
    const auto names = f.directory->list();
    if (!names) error = names.error();
  });
  REQUIRE(denied);
  REQUIRE(error);
  CHECK(error->os_error() == EIO);
}
