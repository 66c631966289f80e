// Nodes with their pending changes, and the disk that holds them.
#include "support/sim_disk.h"

#include <algorithm>
#include <set>

namespace siltstone::support {

namespace {

constexpr std::size_t kRecycledBlocks = 64;

/// Removes the changes in front that are durable, giving each to `apply`.
template <typename Change, typename Apply>
void take_durable_front(std::vector<Change>& pending, Apply apply) {
  const auto end = std::find_if(pending.begin(), pending.end(),
                                [](const Change& change) { return !change.durable; });
  std::for_each(pending.begin(), end, apply);
  pending.erase(pending.begin(), end);
}

}  // namespace

void FileChange::apply(Image& image) const {
  switch (kind) {
    case Kind::write: return image.write(offset, *data);
    case Kind::resize: return image.resize(length);
    case Kind::allocate: return image.allocate(offset, length);
    case Kind::punch: return image.punch(offset, length);
  }
}

bool FileNode::needs_metadata(std::uint64_t offset, std::uint64_t length) const noexcept {
  const auto lacks = [=](const Image& image) {
    if (offset + length > image.size_bytes()) return true;
    const std::uint64_t first = offset - offset % Image::kBlockBytes;
    for (std::uint64_t at = first; at < offset + length; at += Image::kBlockBytes) {
      if (!image.is_allocated(at)) return true;
    }
    return false;
  };
  return lacks(durable_) || lacks(media_);
}

bool FileNode::has_pending_metadata() const noexcept {
  return durable_.size_bytes() != media_.size_bytes() ||
         durable_.allocated_bytes() != media_.allocated_bytes() ||
         std::any_of(pending_.begin(), pending_.end(), [](const FileChange& change) {
           return change.kind != FileChange::Kind::write;
         });
}

void FileNode::change(FileChange change) {
  change.apply(media_);
  if (cache_) change.apply(*cache_);
  pending_.push_back(std::move(change));
  if (pending_.back().durable) fold();
}

void FileNode::write_durably(FileChange change) {
  change.durable = true;
  // Metadata is journalled in order: the size and blocks of this write bring along every earlier
  // change of size and blocks, though not the data of earlier writes.
  if (needs_metadata(change.offset, change.data->size())) {
    for (FileChange& earlier : pending_) {
      if (earlier.kind != FileChange::Kind::write) earlier.durable = true;
    }
  }
  this->change(std::move(change));
}

void FileNode::sync(Ticket up_to) {
  for (FileChange& change : pending_) {
    if (change.ticket <= up_to) change.durable = true;
  }
  fold();
}

/// Moves what is durable, and older than anything that is not, from the list into the image.
void FileNode::fold() {
  const bool all = std::all_of(pending_.begin(), pending_.end(),
                               [](const FileChange& change) { return change.durable; });
  if (!all) {
    return take_durable_front(pending_, [&](const FileChange& change) { change.apply(durable_); });
  }
  // The common case, without copying a byte: the durable state becomes the newest one.
  for (const FileChange& change : pending_) {
    if (change.kind == FileChange::Kind::resize) durable_.resize(change.length);
  }
  durable_.resize(media_.size_bytes());
  for (const FileChange& change : pending_) {
    if (change.kind == FileChange::Kind::resize) continue;
    durable_.share(media_, change.offset, change.length);
  }
  pending_.clear();
}

void FileNode::write_to_cache_only(const FileChange& change) {
  const std::uint64_t end = change.offset + change.length;
  if (end > media_.size_bytes()) {
    this->change({.kind = FileChange::Kind::resize, .ticket = change.ticket, .length = end});
  }
  if (!cache_) cache_ = media_;
  change.apply(*cache_);
}

void FileNode::forget_writes(Ticket up_to, Residue residue, Rng& rng) {
  if (residue == Residue::all) return;
  const auto lost = [&](const FileChange& change) {
    return change.kind == FileChange::Kind::write && !change.durable && change.ticket <= up_to &&
           (residue == Residue::none || rng.coin());
  };
  const std::size_t before = pending_.size();
  std::erase_if(pending_, lost);
  if (pending_.size() == before) return;
  if (!cache_) cache_ = media_;
  const std::uint64_t size = media_.size_bytes();
  media_ = durable_;
  for (const FileChange& change : pending_) change.apply(media_);
  if (media_.size_bytes() < size) {
    // The data is lost, the size is metadata and is not.
    pending_.push_back({.kind = FileChange::Kind::resize, .ticket = up_to, .length = size});
    media_.resize(size);
  }
  fold();
}

void FileNode::drop_cache(std::uint64_t offset, std::uint64_t length) {
  if (cache_) cache_->share(media_, offset, length);
}

void FileNode::restart(Image content) {
  durable_ = std::move(content);
  media_ = durable_;
  cache_.reset();
  pending_.clear();
}

void FileNode::corrupt(std::uint64_t offset, std::span<const std::byte> bytes) {
  const auto alter = [&](Image& image) {
    if (offset >= image.size_bytes()) return;
    const std::uint64_t room = image.size_bytes() - offset;
    image.write(offset, bytes.first(std::min<std::size_t>(room, bytes.size())));
  };
  alter(durable_);
  alter(media_);
  if (cache_) alter(*cache_);
}

void EntryChange::apply(Entries& entries) const {
  if (kind != Kind::link) entries.erase(name);
  if (kind != Kind::unlink) entries[kind == Kind::rename ? to : name] = entry;
}

void DirectoryNode::change(EntryChange change) {
  change.apply(entries_);
  pending_.push_back(std::move(change));
}

void DirectoryNode::sync(Ticket up_to) {
  for (EntryChange& change : pending_) {
    if (change.ticket <= up_to) change.durable = true;
  }
  take_durable_front(pending_, [&](const EntryChange& change) { change.apply(durable_); });
}

void DirectoryNode::forget(Ticket up_to, Residue residue, Rng& rng) {
  if (residue == Residue::all) return;
  std::erase_if(pending_, [&](const EntryChange& change) {
    return !change.durable && change.ticket <= up_to && (residue == Residue::none || rng.coin());
  });
}

void DirectoryNode::restart(Entries entries) {
  durable_ = std::move(entries);
  entries_ = durable_;
  pending_.clear();
}

Disk::Disk() { directories_[kRoot]; }

Inode Disk::make_file() {
  files_[++last_inode_];
  return last_inode_;
}

Inode Disk::make_directory() {
  directories_[++last_inode_];
  return last_inode_;
}

std::optional<Entry> Disk::find(std::string_view path) const {
  Entry at{.inode = kRoot, .directory = true};
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    if (name.empty() || name == ".") continue;
    if (!at.directory) return std::nullopt;
    const Entries& entries = directory(at.inode).entries();
    const auto found = entries.find(name);
    if (found == entries.end()) return std::nullopt;
    at = found->second;
  }
  return at;
}

std::vector<std::pair<std::string, std::uint64_t>> Disk::tree() const {
  std::vector<std::pair<std::string, std::uint64_t>> files;
  const auto visit = [&](const auto& self, Inode inode, const std::string& prefix) -> void {
    for (const auto& [name, entry] : directory(inode).entries()) {
      if (entry.directory) {
        self(self, entry.inode, prefix + name + "/");
      } else {
        files.emplace_back(prefix + name, file(entry.inode).cache().size_bytes());
      }
    }
  };
  visit(visit, kRoot, "");
  return files;
}

std::uint64_t Disk::used_bytes() const noexcept {
  std::uint64_t used = 0;
  for (const auto& [inode, node] : files_) used += node->media().allocated_bytes();
  return used;
}

void Disk::collect(const std::map<Inode, std::uint32_t>& in_use) {
  std::set<Inode> alive;
  for (const auto& [inode, count] : in_use) alive.insert(inode);
  for (const auto& [inode, node] : directories_) {
    for (const auto& [name, entry] : node->durable()) alive.insert(entry.inode);
    for (const auto& [name, entry] : node->entries()) alive.insert(entry.inode);
    for (const EntryChange& change : node->pending()) alive.insert(change.entry.inode);
  }
  std::erase_if(files_, [&](const auto& item) {
    if (alive.contains(item.first)) return false;
    recycle(item.second->media());
    return true;
  });
}

void Disk::recycle(const Image& image) {
  for (const Image::BlockPtr& block : image.blocks()) {
    if (block == nullptr) continue;
    if (recycled_.size() == kRecycledBlocks) recycled_.pop_front();
    recycled_.push_back(block);
  }
}

}  // namespace siltstone::support
