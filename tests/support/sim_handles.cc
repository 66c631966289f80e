// What open files and directories answer.
#include "support/sim_handles.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "support/sim_mapping.h"

namespace siltstone::support {

namespace {

constexpr std::uint64_t kDevice = 0x51;

LockTable::Range lock_range(std::uint64_t offset, std::uint64_t length) noexcept {
  return {offset, length == 0 ? UINT64_MAX : offset + length};
}

/// One component, and none that means something.
int check_name(std::string_view name) noexcept {
  if (name.empty()) return ENOENT;
  if (name == "." || name == ".." || name.find('/') != std::string_view::npos) return EINVAL;
  return name.size() > 255 ? ENAMETOOLONG : 0;
}

}  // namespace

SimFile::SimFile(SimMachine& machine, Inode inode, std::string path, io::OpenOptions options)
    : machine_(machine),
      inode_(inode),
      path_(std::move(path)),
      access_(options.access),
      direct_(options.direct && machine.options.direct_io),
      boot_(machine.boots),
      holder_(++machine.handles) {
  ++machine.open_files[inode];
}

SimFile::~SimFile() {
  const Quiet quiet;
  const std::lock_guard lock(machine_.mutex);
  if (in_flight_ != 0) machine_.misuse("a file is closed while requests on it are under way");
  if (boot_ != machine_.boots) return;
  machine_.locks.release(inode_, holder_);
  machine_.close(inode_);
}

io::Alignment SimFile::alignment() const noexcept {
  if (!direct_) return {};
  return {machine_.options.alignment_bytes, machine_.options.alignment_bytes};
}

Result<io::FileInfo> SimFile::info() {
  Call call(machine_, Op::info, path_, boot_);
  if (call.error() != 0) return base::fail_os(call.error(), "stat").path(path_);
  const Image& image = machine_.disk.file(inode_).cache();
  call.result(static_cast<std::int64_t>(image.size_bytes()));
  return io::FileInfo{{kDevice, inode_}, image.size_bytes(), image.allocated_bytes()};
}

int SimFile::check_change(Op op, const FileChange& change) const {
  if (access_ != io::Access::read_write) return op == Op::resize ? EINVAL : EBADF;
  if (op != Op::resize && change.length == 0) return EINVAL;
  const std::uint64_t limit = machine_.options.max_file_bytes;
  if (op != Op::punch && (change.offset > limit || change.length > limit - change.offset)) {
    return EFBIG;
  }
  if (op == Op::allocate &&
      machine_.room_for(inode_, change.offset, change.length) < change.length) {
    return ENOSPC;
  }
  return 0;
}

Result<void> SimFile::change(Op op, FileChange change) {
  Call call(machine_, op, path_, boot_, true, change.offset, change.length);
  if (const int error = check_change(op, change); error != 0 && call.performs()) {
    return base::fail_os(call.fail(error), to_string(op)).path(path_);
  }
  if (call.performs()) {
    FileNode& node = machine_.disk.edit_file(inode_);
    change.ticket = machine_.disk.next_ticket();
    if (call.in_flight()) {
      node.leave_in_flight(std::move(change));
    } else {
      node.change(std::move(change));
    }
  }
  if (call.error() != 0) return base::fail_os(call.error(), to_string(op)).path(path_);
  return {};
}

Result<void> SimFile::resize(std::uint64_t size_bytes) {
  return change(Op::resize, {.kind = FileChange::Kind::resize, .length = size_bytes});
}

Result<void> SimFile::allocate(std::uint64_t offset, std::uint64_t length) {
  if (!machine_.options.can_allocate) {
    return base::fail(ErrorCode::unsupported, "the file system cannot reserve space").path(path_);
  }
  return change(Op::allocate,
                {.kind = FileChange::Kind::allocate, .offset = offset, .length = length});
}

Result<void> SimFile::punch(std::uint64_t offset, std::uint64_t length) {
  if (!machine_.options.can_punch) {
    return base::fail(ErrorCode::unsupported, "the file system cannot punch holes").path(path_);
  }
  return change(Op::punch, {.kind = FileChange::Kind::punch, .offset = offset, .length = length});
}

Result<std::unique_ptr<io::Mapping>> SimFile::map(std::size_t length) {
  Call call(machine_, Op::map, path_, boot_, false, 0, length);
  if (call.error() != 0) return base::fail_os(call.error(), "map").path(path_);
  if (!machine_.options.can_map) {
    return base::fail(ErrorCode::unsupported, "the file system does not map").path(path_);
  }
  if (access_ != io::Access::read_write) return base::fail_os(call.fail(EACCES), "map").path(path_);
  return std::make_unique<SimMapping>(machine_, inode_, path_, length);
}

Result<bool> SimFile::try_lock(io::LockKind kind, std::uint64_t offset, std::uint64_t length) {
  Call call(machine_, Op::lock, path_, boot_, false, offset, length);
  if (kind == io::LockKind::exclusive && access_ != io::Access::read_write && call.error() == 0) {
    call.fail(EBADF);
  }
  if (call.error() != 0) return base::fail_os(call.error(), "lock").path(path_);
  const bool taken = machine_.locks.try_lock(inode_, holder_, kind, lock_range(offset, length));
  call.result(taken ? 1 : 0);
  return taken;
}

Result<void> SimFile::unlock(std::uint64_t offset, std::uint64_t length) {
  Call call(machine_, Op::lock, path_, boot_, false, offset, length);
  if (call.error() != 0) return base::fail_os(call.error(), "unlock").path(path_);
  machine_.locks.unlock(inode_, holder_, lock_range(offset, length));
  return {};
}

Result<bool> SimFile::is_locked(io::LockKind kind, std::uint64_t offset, std::uint64_t length) {
  Call call(machine_, Op::lock, path_, boot_, false, offset, length);
  if (call.error() != 0) return base::fail_os(call.error(), "query lock").path(path_);
  return machine_.locks.conflicts(inode_, holder_, kind, lock_range(offset, length));
}

SimDirectory::SimDirectory(SimMachine& machine, Inode inode, std::string path)
    : machine_(machine), inode_(inode), path_(std::move(path)), boot_(machine.boots) {}

std::string SimDirectory::join(std::string_view name) const {
  std::string path = path_;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

const Entry* SimDirectory::find(std::string_view name) const {
  const Entries& entries = machine_.disk.directory(inode_).entries();
  const auto found = entries.find(name);
  return found != entries.end() ? &found->second : nullptr;
}

void SimDirectory::commit(const Call& call, EntryChange change) {
  DirectoryNode& node = machine_.disk.edit_directory(inode_);
  change.ticket = machine_.disk.next_ticket();
  if (call.in_flight()) {
    node.leave_in_flight(std::move(change));
  } else {
    node.change(std::move(change));
  }
}

Result<io::FileId> SimDirectory::id() {
  Call call(machine_, Op::info, path_, boot_);
  if (call.error() != 0) return base::fail_os(call.error(), "stat").path(path_);
  return io::FileId{kDevice, inode_};
}

Result<std::unique_ptr<io::File>> SimDirectory::open(std::string_view name,
                                                     io::OpenOptions options) {
  const std::string path = join(name);
  Call call(machine_, Op::open, path, boot_, options.create);
  const auto failed = [&](int error) -> Result<std::unique_ptr<io::File>> {
    return base::fail_os(call.fail(error), options.create ? "create" : "open").path(path);
  };
  if (!call.performs()) return failed(call.error());
  if (const int error = check_name(name); error != 0) return failed(error);
  const Entry* entry = find(name);
  if (entry != nullptr && options.create && options.exclusive) return failed(EEXIST);
  if (entry != nullptr && entry->directory) return failed(EISDIR);
  if (entry == nullptr && !options.create) return failed(ENOENT);
  if (machine_.read_only && options.access == io::Access::read_write) return failed(EROFS);
  Inode inode = entry != nullptr ? entry->inode : 0;
  if (entry == nullptr) {
    inode = machine_.disk.make_file();
    commit(call, {.kind = EntryChange::Kind::link,
                  .name = std::string(name),
                  .entry = {.inode = inode, .directory = false}});
  }
  if (call.error() != 0) return failed(call.error());
  return std::make_unique<SimFile>(machine_, inode, path, options);
}

Result<std::unique_ptr<io::Directory>> SimDirectory::open_directory(std::string_view name) {
  const std::string path = join(name);
  Call call(machine_, Op::open_directory, path, boot_);
  int error = call.error() != 0 ? call.error() : check_name(name);
  const Entry* entry = error == 0 ? find(name) : nullptr;
  if (error == 0 && entry == nullptr) error = ENOENT;
  if (error == 0 && !entry->directory) error = ENOTDIR;
  if (error != 0) return base::fail_os(call.fail(error), "open directory").path(path);
  return std::make_unique<SimDirectory>(machine_, entry->inode, path);
}

Result<void> SimDirectory::make_directory(std::string_view name) {
  const std::string path = join(name);
  Call call(machine_, Op::make_directory, path, boot_, true);
  if (call.performs()) {
    int error = check_name(name);
    if (error == 0 && find(name) != nullptr) error = EEXIST;
    if (error != 0) return base::fail_os(call.fail(error), "make directory").path(path);
    commit(call, {.kind = EntryChange::Kind::link,
                  .name = std::string(name),
                  .entry = {.inode = machine_.disk.make_directory(), .directory = true}});
  }
  if (call.error() != 0) return base::fail_os(call.error(), "make directory").path(path);
  return {};
}

Result<void> SimDirectory::rename(std::string_view from, std::string_view to) {
  const std::string path = join(from);
  Call call(machine_, Op::rename, path, boot_, true);
  if (call.performs()) {
    int error = std::max(check_name(from), check_name(to));
    const Entry* source = find(from);
    const Entry* target = find(to);
    if (error == 0 && source == nullptr) error = ENOENT;
    if (error == 0 && target != nullptr && target->directory != source->directory) {
      error = target->directory ? EISDIR : ENOTDIR;
    }
    if (error == 0 && target != nullptr && target->directory && target->inode != source->inode &&
        !machine_.disk.directory(target->inode).entries().empty()) {
      error = ENOTEMPTY;
    }
    if (error != 0) return base::fail_os(call.fail(error), "rename").path(path);
    if (from != to) {
      commit(call, {.kind = EntryChange::Kind::rename,
                    .name = std::string(from),
                    .to = std::string(to),
                    .entry = *source});
    }
  }
  if (call.error() != 0) return base::fail_os(call.error(), "rename").path(path);
  return {};
}

Result<void> SimDirectory::remove(std::string_view name) {
  const std::string path = join(name);
  Call call(machine_, Op::remove, path, boot_, true);
  if (call.performs()) {
    int error = check_name(name);
    const Entry* entry = find(name);
    if (error == 0 && entry == nullptr) error = ENOENT;
    if (error == 0 && entry->directory) error = EISDIR;
    if (error != 0) return base::fail_os(call.fail(error), "remove").path(path);
    commit(call, {.kind = EntryChange::Kind::unlink, .name = std::string(name)});
  }
  if (call.error() != 0) return base::fail_os(call.error(), "remove").path(path);
  return {};
}

Result<std::vector<std::string>> SimDirectory::list() {
  Call call(machine_, Op::list, path_, boot_);
  if (call.error() != 0) return base::fail_os(call.error(), "list").path(path_);
  std::vector<std::string> names;
  for (const auto& [name, entry] : machine_.disk.directory(inode_).entries()) {
    names.push_back(name);
  }
  for (std::size_t i = names.size(); i > 1; --i) {
    std::swap(names[i - 1], names[machine_.rng.below(i)]);
  }
  call.result(static_cast<std::int64_t>(names.size()));
  return names;
}

Result<void> SimDirectory::sync() {
  Call call(machine_, Op::sync_directory, path_, boot_, true);
  const Ticket now = machine_.disk.now();
  if (call.error() == 0) {
    machine_.disk.edit_directory(inode_).sync(now);
    machine_.disk.commit_journal(now);
    machine_.disk.collect(machine_.open_files);
    return {};
  }
  if (!call.in_flight() && boot_ == machine_.boots && machine_.power) {
    machine_.disk.edit_directory(inode_).forget(now, call.residue(), machine_.rng);
  }
  return base::fail_os(call.error(), "sync directory").path(path_);
}

Result<void> SimDirectory::sync_own_name() {
  const std::size_t slash = path_.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path_.substr(0, slash);
  const auto entry = machine_.disk.find(parent);
  if (!entry) machine_.misuse("a directory whose parent was removed");
  return SimDirectory(machine_, entry->inode, parent).sync();
}

}  // namespace siltstone::support
