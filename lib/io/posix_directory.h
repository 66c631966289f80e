// A directory by its descriptor, so that neither a rename nor a change of the working directory
// moves it from under us.
#pragma once

#include <memory>
#include <string>

#include "io/file_descriptor.h"
#include "io/storage.h"

namespace siltstone::io {

class PosixDirectory final : public Directory {
 public:
  /// By a path whose last component may not be a link, slashes after it or not.
  [[nodiscard]] static Result<std::unique_ptr<Directory>> open_path(std::string_view path);
  /// Makes it, 0700, and its entry in the parent durable. Here only the last component may not be
  /// a link; it must not exist at all.
  [[nodiscard]] static Result<void> make_path(std::string_view path);

  std::string_view path() const noexcept override { return path_; }
  Result<FileId> id() override;
  Result<std::unique_ptr<File>> open(std::string_view name, OpenOptions options) override;
  Result<std::unique_ptr<Directory>> open_directory(std::string_view name) override;
  Result<void> make_directory(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> remove(std::string_view name) override;
  Result<std::vector<std::string>> list() override;
  Result<void> sync() override;
  Result<void> sync_own_name() override;

 private:
  PosixDirectory(FileDescriptor descriptor, std::string path) noexcept
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}
  [[nodiscard]] static Result<std::unique_ptr<PosixDirectory>> open_at(int directory,
                                                                       const char* name,
                                                                       std::string path,
                                                                       int more_flags);
  [[nodiscard]] std::string path_of(std::string_view name) const;

  FileDescriptor descriptor_;
  std::string path_;
};

}  // namespace siltstone::io
