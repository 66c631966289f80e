// Pages of memory beside pages of the file.
#include "support/sim_mapping.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/error.h"

namespace siltstone::support {

namespace {

constexpr std::size_t kPage = Image::kBlockBytes;
// In pages that were not populated: no content of a file, so that nobody reads it by chance.
constexpr std::byte kUnseen{0xdb};

}  // namespace

SimMapping::SimMapping(SimMachine& machine, Inode inode, std::string path, std::size_t length)
    : machine_(machine),
      inode_(inode),
      path_(std::move(path)),
      boot_(machine.boots),
      memory_(length, kUnseen),
      pages_((length + kPage - 1) / kPage) {
  ++machine.open_files[inode];
  machine.mappings.push_back(this);
}

SimMapping::~SimMapping() {
  const Quiet quiet;
  const std::lock_guard lock(machine_.mutex);
  for (std::size_t i = 0; i != pages_.size(); ++i) {
    const auto is_touched = [](std::byte byte) { return byte != kUnseen; };
    if (pages_[i] == Page::unseen && std::ranges::any_of(page(i), is_touched)) {
      machine_.misuse("a store into a page that was never populated");
    }
  }
  take_stores(machine_.disk);
  std::erase(machine_.mappings, this);
  if (boot_ == machine_.boots) machine_.close(inode_);
}

bool SimMapping::is_alive() const noexcept { return machine_.power && boot_ == machine_.boots; }

std::span<std::byte> SimMapping::page(std::size_t index) const noexcept {
  const std::size_t begin = index * kPage;
  return std::span(memory_).subspan(begin, std::min(kPage, memory_.size() - begin));
}

Result<void> SimMapping::populate(std::size_t offset, std::size_t length) noexcept {
  Call call(machine_, Op::populate, path_, boot_, true, offset, length);
  if (offset % kPage != 0 || offset + length > memory_.size()) {
    machine_.misuse("a mapping is populated across its border");
  }
  take_stores(machine_.disk);
  if (call.error() == 0 && machine_.room_for(inode_, offset, length) < length) call.fail(EFAULT);
  const std::size_t end = (offset + length + kPage - 1) / kPage;
  if (call.error() != 0) {
    for (std::size_t i = offset / kPage; i != end; ++i) {
      if (pages_[i] == Page::ready) pages_[i] = Page::refused;
    }
    return base::fail_os(call.error(), "have a mapping backed").path(path_).offset(offset);
  }
  FileNode& node = machine_.disk.edit_file(inode_);
  if (node.needs_metadata(offset, length)) {
    node.change({.kind = FileChange::Kind::allocate,
                 .ticket = machine_.disk.next_ticket(),
                 .offset = offset,
                 .length = length});
  }
  for (std::size_t i = offset / kPage; i != end; ++i) {
    if (pages_[i] == Page::unseen) node.cache().read(i * kPage, page(i));
    pages_[i] = Page::ready;
  }
  return {};
}

void SimMapping::take_stores(Disk& disk) const {
  if (!is_alive()) return;
  std::array<std::byte, kPage> stored{};
  for (std::size_t i = 0; i != pages_.size(); ++i) {
    if (pages_[i] == Page::unseen) continue;
    const auto now = page(i);
    disk.file(inode_).cache().read(i * kPage, std::span(stored).first(now.size()));
    if (std::ranges::equal(now, std::span(stored).first(now.size()))) continue;
    if (pages_[i] == Page::refused) machine_.misuse("a store into a page that is not populated");
    disk.edit_file(inode_).change({.ticket = disk.next_ticket(),
                                   .offset = i * kPage,
                                   .length = now.size(),
                                   .data = std::make_shared<const Bytes>(now.begin(), now.end())});
  }
}

}  // namespace siltstone::support
