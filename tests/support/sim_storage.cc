// The root of the simulated file system, and what tests do behind its back.
#include "support/sim_storage.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "support/sim_handles.h"
#include "support/sim_queue.h"

namespace siltstone::support {

SimStorage::SimStorage(std::uint64_t seed, SimStorageOptions options, SimClock* clock,
                       SimTrace* trace)
    : machine_(seed, options, clock, trace) {}

SimStorage::SimStorage(Disk disk, std::uint64_t seed, SimStorageOptions options)
    : machine_(seed, options, nullptr, nullptr) {
  machine_.disk = std::move(disk);
}

Result<std::unique_ptr<io::Directory>> SimStorage::open_directory(std::string_view path) {
  Call call(machine_, Op::open_directory, path, machine_.boots);
  const auto entry = machine_.disk.find(path);
  if (!entry) call.fail(ENOENT);
  if (entry && !entry->directory) call.fail(ENOTDIR);
  if (call.error() != 0) return base::fail_os(call.error(), "open directory").path(path);
  return std::make_unique<SimDirectory>(machine_, entry->inode, std::string(path));
}

Result<void> SimStorage::make_directory(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  const bool in_root = slash == std::string_view::npos;
  Result<std::unique_ptr<io::Directory>> parent =
      open_directory(in_root ? "" : path.substr(0, slash));
  if (!parent) return std::unexpected(parent.error());
  if (auto made = (*parent)->make_directory(in_root ? path : path.substr(slash + 1)); !made) {
    return made;
  }
  return (*parent)->sync();
}

Result<std::unique_ptr<io::Queue>> SimStorage::make_queue(std::size_t depth) {
  Call call(machine_, Op::make_queue, "", machine_.boots);
  if (depth == 0) call.fail(EINVAL);
  if (call.error() != 0) return base::fail_os(call.error(), "make queue");
  return std::make_unique<SimQueue>(machine_, std::min(depth, machine_.options.max_queue_depth));
}

Disk SimStorage::snapshot() const {
  Disk disk = machine_.disk;
  // Without power, what was under way is among the pending changes already.
  if (machine_.power) {
    machine_.take_stores(disk);
    for (const SimQueue* queue : machine_.queues) queue->leave_in_flight(disk);
  }
  return disk;
}

void SimStorage::crash(const Crash& crash) {
  machine_.cut_power();
  machine_.trace.add(machine_.clock.now(), "crash", crash.to_string());
  machine_.boot(machine_.disk.crashed(crash));
}

void SimStorage::kill() {
  machine_.trace.add(machine_.clock.now(), "kill");
  machine_.take_stores(machine_.disk);
  for (SimQueue* queue : machine_.queues) queue->finish_some();
  const bool shut_down = machine_.shut_down;
  const bool read_only = machine_.read_only;
  machine_.boot(std::move(machine_.disk));
  machine_.disk.collect({});
  machine_.shut_down = shut_down;
  machine_.read_only = read_only;
}

Inode SimStorage::file_at(std::string_view path) const {
  const auto entry = machine_.disk.find(path);
  if (!entry || entry->directory) machine_.misuse("a test asks for a file that is not there");
  return entry->inode;
}

bool SimStorage::exists(std::string_view path) const {
  return machine_.disk.find(path).has_value();
}

Bytes SimStorage::contents(std::string_view path, View view) const {
  Disk disk = machine_.disk;
  machine_.take_stores(disk);
  const FileNode& node = disk.file(file_at(path));
  const Image& image = view == View::cache   ? node.cache()
                       : view == View::media ? node.media()
                                             : node.durable();
  Bytes bytes(image.size_bytes());
  image.read(0, bytes);
  return bytes;
}

void SimStorage::plant(std::string_view path, std::span<const std::byte> content) {
  Disk& disk = machine_.disk;
  Inode parent = Disk::kRoot;
  const auto link = [&](std::string_view name, Entry entry) {
    DirectoryNode& node = disk.edit_directory(parent);
    node.change({.kind = EntryChange::Kind::link,
                 .ticket = disk.next_ticket(),
                 .name = std::string(name),
                 .entry = entry});
    node.sync(disk.now());
  };
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/')) {
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash + 1);
    const auto& entries = disk.directory(parent).entries();
    if (const auto found = entries.find(name); found != entries.end()) {
      parent = found->second.inode;
      continue;
    }
    const Inode made = disk.make_directory();
    link(name, {.inode = made, .directory = true});
    parent = made;
  }
  Image image;
  image.write(0, content);
  const Inode made = disk.make_file();
  disk.edit_file(made).restart(std::move(image));
  link(path, {.inode = made, .directory = false});
}

void SimStorage::corrupt(std::string_view path, std::uint64_t offset,
                         std::span<const std::byte> bytes) {
  machine_.disk.edit_file(file_at(path)).corrupt(offset, bytes);
}

void SimStorage::flip_bit(std::string_view path, std::uint64_t bit) {
  const Inode inode = file_at(path);
  std::byte byte{};
  machine_.disk.file(inode).durable().read(bit / 8, {&byte, 1});
  byte ^= static_cast<std::byte>(1U << bit % 8);
  machine_.disk.edit_file(inode).corrupt(bit / 8, {&byte, 1});
}

}  // namespace siltstone::support
