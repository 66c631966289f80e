// PosixDirectory: see posix_directory.h and, for what each call means, storage.h.
#include "io/posix_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/error.h"
#include "base/try.h"
#include "io/posix_file.h"

namespace siltstone::io {
namespace {

constexpr mode_t kDirectoryMode = 0700;

/// One component of a path, ended by a zero byte.
class Name {
 public:
  static Result<Name> check(std::string_view text) {
    if (text.empty() || text == "." || text == ".." || text.find('/') != text.npos ||
        text.find('\0') != text.npos) {
      return base::fail(ErrorCode::invalid_argument, "not the name of a file").path(text);
    }
    if (text.size() > NAME_MAX) return base::fail_os(ENAMETOOLONG, "use a name").path(text);
    Name name;
    text.copy(name.text_.data(), text.size());
    return name;
  }

  [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

 private:
  std::array<char, NAME_MAX + 1> text_{};
};

// "dir/" would be followed where "dir" is a link, so trailing slashes go; "/" stays.
Result<std::string> clean_path(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.empty() || path.find('\0') != path.npos) {
    return base::fail(ErrorCode::invalid_argument, "not the path of a directory").path(path);
  }
  return std::string(path);
}

struct CloseStream {
  void operator()(DIR* stream) const noexcept { closedir(stream); }
};

}  // namespace

Result<std::unique_ptr<PosixDirectory>> PosixDirectory::open_at(int directory, const char* name,
                                                                std::string path, int more_flags) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | more_flags;
  auto descriptor = SILT_TRY(FileDescriptor::own(
      uninterrupted([&] { return openat(directory, name, flags); }), "open the directory", path));
  return std::unique_ptr<PosixDirectory>(
      new PosixDirectory(std::move(descriptor), std::move(path)));
}

Result<std::unique_ptr<Directory>> PosixDirectory::open_path(std::string_view path) {
  const std::string clean = SILT_TRY(clean_path(path));
  return SILT_TRY(open_at(AT_FDCWD, clean.c_str(), clean, O_NOFOLLOW));
}

Result<void> PosixDirectory::make_path(std::string_view path) {
  const std::string clean = SILT_TRY(clean_path(path));
  const std::size_t slash = clean.rfind('/');
  const std::string parent_path = slash == clean.npos ? "." : clean.substr(0, slash + 1);
  const auto parent = SILT_TRY(open_at(AT_FDCWD, parent_path.c_str(), parent_path, 0));
  SILT_TRY(parent->make_directory(slash == clean.npos ? clean : clean.substr(slash + 1)));
  return parent->sync();
}

Result<FileId> PosixDirectory::id() {
  struct stat status{};
  if (fstat(descriptor_.get(), &status) != 0) return base::fail_os(errno, "stat").path(path_);
  return FileId{status.st_dev, status.st_ino};
}

Result<std::unique_ptr<File>> PosixDirectory::open(std::string_view name, OpenOptions options) {
  const Name checked = SILT_TRY(Name::check(name));
  return PosixFile::open(descriptor_.get(), checked.c_str(), path_of(name), options);
}

Result<std::unique_ptr<Directory>> PosixDirectory::open_directory(std::string_view name) {
  const Name checked = SILT_TRY(Name::check(name));
  return SILT_TRY(open_at(descriptor_.get(), checked.c_str(), path_of(name), O_NOFOLLOW));
}

Result<void> PosixDirectory::make_directory(std::string_view name) {
  const Name checked = SILT_TRY(Name::check(name));
  if (mkdirat(descriptor_.get(), checked.c_str(), kDirectoryMode) != 0) {
    return base::fail_os(errno, "make the directory").path(path_of(name));
  }
  return {};
}

Result<void> PosixDirectory::rename(std::string_view from, std::string_view to) {
  const Name old_name = SILT_TRY(Name::check(from));
  const Name new_name = SILT_TRY(Name::check(to));
  const int here = descriptor_.get();
  if (renameat(here, old_name.c_str(), here, new_name.c_str()) != 0) {
    return base::fail_os(errno, "rename").path(path_of(from));
  }
  return {};
}

Result<void> PosixDirectory::remove(std::string_view name) {
  const Name checked = SILT_TRY(Name::check(name));
  if (unlinkat(descriptor_.get(), checked.c_str(), 0) != 0) {
    return base::fail_os(errno, "remove").path(path_of(name));
  }
  return {};
}

// The stream reads through a description of its own, so that lists at the same time do not share a
// position.
Result<std::vector<std::string>> PosixDirectory::list() {
  auto own = SILT_TRY(open_at(descriptor_.get(), ".", path_, 0));
  const std::unique_ptr<DIR, CloseStream> stream(fdopendir(own->descriptor_.get()));
  if (stream == nullptr) return base::fail_os(errno, "list").path(path_);
  static_cast<void>(own->descriptor_.release());
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  // A list cut short must not look like a short list.
  if (errno != 0) return base::fail_os(errno, "list").path(path_);
  return names;
}

// Not repeated when interrupted: the first attempt may have taken an error with it.
Result<void> PosixDirectory::sync() {
  if (fsync(descriptor_.get()) != 0) {
    return base::fail_os(errno, "sync the directory").path(path_);
  }
  return {};
}

// By the handle, so that no link or rename leads to another parent.
Result<void> PosixDirectory::sync_own_name() {
  auto parent = open_at(descriptor_.get(), "..", path_of(".."), 0);
  if (!parent && parent.error().os_error() == EACCES) return {};
  if (!parent) return std::unexpected(std::move(parent).error());
  const FileId here = SILT_TRY(id());
  const FileId above = SILT_TRY((*parent)->id());
  return here.device == above.device ? (*parent)->sync() : Result<void>();
}

std::string PosixDirectory::path_of(std::string_view name) const {
  std::string path = path_;
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

}  // namespace siltstone::io
