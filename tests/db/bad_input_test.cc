// What cannot be opened says so, with code, path and cause - and leaves the directory as it was.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "support/temp_dir.h"

using namespace siltstone;
using support::TempDir;
namespace fs = std::filesystem;

namespace {

/// Everything below a directory: what each name is, and the content of files.
std::map<std::string, std::string> picture(const fs::path& root) {
  std::map<std::string, std::string> seen;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::string what = "other";
    if (entry.is_symlink()) {
      what = "link to " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_directory()) {
      what = "directory";
    } else if (entry.is_regular_file()) {
      std::ifstream file(entry.path(), std::ios::binary);
      what = "file " + std::string(std::istreambuf_iterator<char>(file), {});
    }
    seen.emplace(fs::relative(entry.path(), root).string(), what);
  }
  return seen;
}

void make_store(const std::string& dir) {
  auto db = Db::builder(dir).build();
  REQUIRE(db);
  REQUIRE(db->put("k", "v"));
  REQUIRE(db->close());
}

/// Overwrites `length` bytes of a file at `offset`.
void overwrite(const std::string& path, std::uint64_t offset, std::string_view bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset));
  file << bytes;
  REQUIRE(file.good());
}

/// What `check` says in a process without the rights of root.
template <typename Check>
bool as_nobody(const Check& check) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr unsigned kNobody = 65534;
    if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(3);
    _exit(check() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status == 0;
}

/// Opens, expects an error, and that nothing below `root` is another than before.
Error refused(const TempDir& root, const Builder& builder) {
  const auto before = picture(root.path());
  auto db = builder.build();
  REQUIRE(!db);
  CHECK(picture(root.path()) == before);
  INFO(db.error().to_string());
  return db.error();
}

}  // namespace

TEST_CASE("bad input: a directory that is a file") {
  const TempDir tmp;
  std::ofstream(tmp / "file") << "text";
  for (const bool read_only : {false, true}) {
    const Error error = refused(tmp, Db::builder(tmp / "file").read_only(read_only));
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK(error.path() == tmp / "file");
    CHECK(error.os_error() == ENOTDIR);
  }
}

TEST_CASE("bad input: a missing parent, and a missing store") {
  const TempDir tmp;
  const Error parent = refused(tmp, Db::builder(tmp / "no/data"));
  CHECK(parent.os_error() == ENOENT);
  CHECK(parent.path().starts_with(tmp / "no"));
  const Error store = refused(tmp, Db::builder(tmp / "data").create_if_missing(false));
  CHECK(store.os_error() == ENOENT);
  CHECK(store.path() == tmp / "data");
  CHECK(refused(tmp, Db::builder(tmp / "data").read_only(true)).os_error() == ENOENT);
}

TEST_CASE("bad input: an empty directory, when no store may be made") {
  const TempDir tmp;
  fs::create_directory(tmp / "data");
  const Error error = refused(tmp, Db::builder(tmp / "data").create_if_missing(false));
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK(error.path() == tmp / "data");
  CHECK(refused(tmp, Db::builder(tmp / "data").read_only(true)).code() ==
        ErrorCode::invalid_argument);
}

TEST_CASE("bad input: a foreign directory") {
  const TempDir tmp;
  fs::create_directory(tmp / "home");
  std::ofstream(tmp / "home/letter.txt") << "text";
  const Error error = refused(tmp, Db::builder(tmp / "home"));
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK(error.message() == "the directory is not empty, and holds no store");
  CHECK(error.path() == tmp / "home");

  fs::create_directories(tmp / "other/wal");
  std::ofstream(tmp / "other/wal/000001.log") << "text";
  CHECK(refused(tmp, Db::builder(tmp / "other")).message() == error.message());
  fs::create_directories(tmp / "third/wal");
  std::ofstream(tmp / "third/README") << "text";
  CHECK(refused(tmp, Db::builder(tmp / "third")).message() == error.message());
}

TEST_CASE("bad input: a symlinked lock, and a lock that is no file") {
  const TempDir tmp;
  make_store(tmp / "data");
  fs::rename(tmp / "data/LOCK", tmp / "elsewhere");
  fs::create_symlink(tmp / "elsewhere", tmp / "data/LOCK");
  const Error link = refused(tmp, Db::builder(tmp / "data"));
  CHECK(link.path() == tmp / "data/LOCK");
  CHECK(link.os_error() == ELOOP);

  fs::remove(tmp / "data/LOCK");
  fs::create_directory(tmp / "data/LOCK");
  CHECK(refused(tmp, Db::builder(tmp / "data")).path() == tmp / "data/LOCK");

  fs::remove(tmp / "data/LOCK");
  REQUIRE(mkfifo((tmp / "data/LOCK").c_str(), 0600) == 0);
  CHECK(refused(tmp, Db::builder(tmp / "data")).path() == tmp / "data/LOCK");
}

TEST_CASE("bad input: a store reached by a link as the last component") {
  const TempDir tmp;
  make_store(tmp / "data");
  fs::create_symlink(tmp / "data", tmp / "link");
  const Error error = refused(tmp, Db::builder(tmp / "link"));
  CHECK(error.path() == tmp / "link");
}

TEST_CASE("bad input: no permission") {
  const TempDir tmp;
  fs::permissions(tmp.path(), fs::perms::all);
  fs::create_directory(tmp / "data");
  fs::permissions(tmp / "data", fs::perms::none);
  CHECK(as_nobody([&] {
    const auto db = Db::builder(tmp / "data").build();
    return !db && db.error().code() == ErrorCode::io && db.error().os_error() == EACCES &&
           db.error().path() == tmp / "data";
  }));
  fs::permissions(tmp / "data", fs::perms::owner_all);
  CHECK(fs::is_empty(tmp / "data"));
}

TEST_CASE("bad input: a newer format is refused by name") {
  const TempDir tmp;
  make_store(tmp / "data");
  std::ifstream file(tmp / "data/wal/0", std::ios::binary);
  std::string header(128, '\0');
  file.read(header.data(), 128);
  header[12] = 2;
  const auto covered = base::as_bytes(header).subspan(12);
  const std::uint32_t checksum = base::seal_crc32c(base::crc32c(0, covered));
  header.replace(8, 4, std::string_view(reinterpret_cast<const char*>(&checksum), 4));
  overwrite(tmp / "data/wal/0", 0, header);
  overwrite(tmp / "data/wal/0", 4096, header);
  for (const bool read_only : {false, true}) {
    const Error error = refused(tmp, Db::builder(tmp / "data").read_only(read_only));
    CHECK(error.code() == ErrorCode::unsupported);
    CHECK(error.path() == tmp / "data/wal/0");
    CHECK(error.message().find('2') != std::string_view::npos);
  }
}

TEST_CASE("bad input: a file of something else in the place of a segment") {
  const TempDir tmp;
  make_store(tmp / "data");
  overwrite(tmp / "data/wal/0", 0, std::string(8192, 'x'));
  const Error error = refused(tmp, Db::builder(tmp / "data"));
  CHECK(error.code() == ErrorCode::corruption);
  CHECK(error.path() == tmp / "data/wal/0");
  CHECK(refused(tmp, Db::builder(tmp / "data").read_only(true)).code() == ErrorCode::corruption);
}

TEST_CASE("bad input: a truncated file") {
  const TempDir tmp;
  make_store(tmp / "data");
  make_store(tmp / "data");  // the first segment has a successor that names its end
  fs::resize_file(tmp / "data/wal/0", 8192);
  const Error error = refused(tmp, Db::builder(tmp / "data"));
  CHECK(error.code() == ErrorCode::corruption);
  CHECK(error.path() == tmp / "data/wal/0");
  CHECK(error.has_offset());
  fs::resize_file(tmp / "data/wal/0", 100);
  CHECK(refused(tmp, Db::builder(tmp / "data")).code() == ErrorCode::corruption);
}

TEST_CASE("bad input: all faults of the options are told at once") {
  const TempDir tmp;
  const Error error = refused(tmp, Db::builder("")
                                       .compression(static_cast<Compression>(9))
                                       .recovery(static_cast<RecoveryMode>(9))
                                       .io_backend(static_cast<IoBackend>(9))
                                       .ring_depth(0));
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK(error.message() ==
        "the directory has no name; compression is out of range; recovery is out of range; "
        "io_backend is out of range; ring_depth is 1 to 32768");
  const auto builder = [&] { return Db::builder(tmp / "data"); };
  CHECK(refused(tmp, builder().ring_depth(32769)).message() == "ring_depth is 1 to 32768");
  CHECK(refused(tmp, builder().io_backend(IoBackend::posix).sqpoll(true).iopoll(true)).message() ==
        "sqpoll needs rings, and io_backend is posix; iopoll needs rings, and io_backend is posix");
  const std::string with_zero = (tmp / "da") + '\0' + "ta";
  CHECK(refused(tmp, Db::builder(with_zero)).message() == "the directory's name has a zero byte");
}

TEST_CASE("second_open_locked") {
  const TempDir tmp;
  fs::create_directory(tmp / "real");
  auto db = Db::builder(tmp / "real/data").build();
  REQUIRE(db);
  fs::create_directory_symlink(tmp / "real", tmp / "link");
  for (const std::string& path :
       {tmp / "real/data", tmp / "real/../real/data", tmp / "link/data"}) {
    const Error error = refused(tmp, Db::builder(path));
    CHECK(error.code() == ErrorCode::busy);
    CHECK(error.path() == path);
    CHECK(error.message() == "this process has the store open already");
  }
  REQUIRE(db->close());
  CHECK(Db::builder(tmp / "link/data").build());
}

TEST_CASE("read only: needs no permission to write anything") {
  const TempDir tmp;
  make_store(tmp / "data");
  const auto before = picture(tmp.path());
  fs::permissions(tmp.path(), fs::perms(0555));
  for (const auto* name : {"data", "data/wal"}) fs::permissions(tmp / name, fs::perms(0555));
  for (const auto* name : {"data/LOCK", "data/wal/0"}) {
    fs::permissions(tmp / name, fs::perms(0444));
  }
  CHECK(as_nobody([&] {
    auto db = Db::builder(tmp / "data").read_only(true).build();
    return db && **db->get("k") == "v" && db->close();
  }));
  CHECK(as_nobody([&] {
    const auto db = Db::builder(tmp / "data").build();
    return !db && db.error().os_error() == EACCES && db.error().path() == tmp / "data/LOCK";
  }));
  for (const auto* name : {"", "data", "data/wal"}) {
    fs::permissions(tmp / name, fs::perms::owner_all);
  }
  CHECK(picture(tmp.path()) == before);
}
