// Open files and directories of the simulated machine. They die with its power, or with the
// process: from then on every call answers EIO.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/storage.h"
#include "support/sim_machine.h"

namespace siltstone::support {

class SimFile final : public io::File {
 public:
  SimFile(SimMachine& machine, Inode inode, std::string path, io::OpenOptions options);
  ~SimFile() override;

  [[nodiscard]] std::string_view path() const noexcept override { return path_; }
  [[nodiscard]] bool direct() const noexcept override { return direct_; }
  [[nodiscard]] io::Alignment alignment() const noexcept override;
  [[nodiscard]] Result<io::FileInfo> info() override;
  [[nodiscard]] Result<void> resize(std::uint64_t size_bytes) override;
  [[nodiscard]] Result<void> allocate(std::uint64_t offset, std::uint64_t length) override;
  [[nodiscard]] Result<void> punch(std::uint64_t offset, std::uint64_t length) override;
  [[nodiscard]] Result<std::unique_ptr<io::Mapping>> map(std::size_t length) override;
  [[nodiscard]] Result<bool> try_lock(io::LockKind kind, std::uint64_t offset,
                                      std::uint64_t length) override;
  [[nodiscard]] Result<void> unlock(std::uint64_t offset, std::uint64_t length) override;
  [[nodiscard]] Result<bool> is_locked(io::LockKind kind, std::uint64_t offset,
                                       std::uint64_t length) override;

 private:
  friend class SimQueue;
  Result<void> change(Op op, FileChange change);
  [[nodiscard]] int check_change(Op op, const FileChange& change) const;

  SimMachine& machine_;
  const Inode inode_;
  const std::string path_;
  const io::Access access_;
  const bool direct_;
  const std::uint64_t boot_;
  const LockTable::Holder holder_;
  std::uint32_t in_flight_ = 0;
};

class SimDirectory final : public io::Directory {
 public:
  SimDirectory(SimMachine& machine, Inode inode, std::string path);

  [[nodiscard]] std::string_view path() const noexcept override { return path_; }
  [[nodiscard]] Result<io::FileId> id() override;
  [[nodiscard]] Result<std::unique_ptr<io::File>> open(std::string_view name,
                                                       io::OpenOptions options) override;
  [[nodiscard]] Result<std::unique_ptr<io::Directory>> open_directory(
      std::string_view name) override;
  [[nodiscard]] Result<void> make_directory(std::string_view name) override;
  [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override;
  [[nodiscard]] Result<void> remove(std::string_view name) override;
  [[nodiscard]] Result<std::vector<std::string>> list() override;
  [[nodiscard]] Result<void> sync() override;
  [[nodiscard]] Result<void> sync_own_name() override;

 private:
  [[nodiscard]] std::string join(std::string_view name) const;
  [[nodiscard]] const Entry* find(std::string_view name) const;
  void commit(const Call& call, EntryChange change);

  SimMachine& machine_;
  const Inode inode_;
  const std::string path_;
  const std::uint64_t boot_;
};

}  // namespace siltstone::support
