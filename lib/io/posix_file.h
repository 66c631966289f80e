// A regular file through system calls. Files of this class serve every queue of the kernel: plain
// calls and the ring.
#pragma once

#include <memory>
#include <string>

#include "io/file_descriptor.h"
#include "io/storage.h"

namespace siltstone::io {

class PosixFile final : public File {
 public:
  /// Opens `name`, one component, in the directory; `path` is for messages. Anything but a regular
  /// file is refused without waiting for it or touching it.
  [[nodiscard]] static Result<std::unique_ptr<File>> open(int directory, const char* name,
                                                          std::string path, OpenOptions options);

  /// Takes over an open regular file, buffered.
  PosixFile(FileDescriptor descriptor, std::string path) noexcept
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

  std::string_view path() const noexcept override { return path_; }
  bool direct() const noexcept override { return direct_; }
  Alignment alignment() const noexcept override { return alignment_; }
  Result<FileInfo> info() override;
  Result<void> resize(std::uint64_t size_bytes) override;
  Result<void> allocate(std::uint64_t offset, std::uint64_t length) override;
  Result<void> punch(std::uint64_t offset, std::uint64_t length) override;
  Result<std::unique_ptr<Mapping>> map(std::size_t length) override;
  Result<bool> try_lock(LockKind kind, std::uint64_t offset, std::uint64_t length) override;
  Result<void> unlock(std::uint64_t offset, std::uint64_t length) override;
  Result<bool> is_locked(LockKind kind, std::uint64_t offset, std::uint64_t length) override;

 private:
  void settle_mode(bool direct) noexcept;

  FileDescriptor descriptor_;
  std::string path_;
  bool direct_ = false;
  Alignment alignment_;
};

}  // namespace siltstone::io
