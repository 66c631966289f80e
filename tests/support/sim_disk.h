// A simulated disk as a value: what is safe on it, and the changes that a power cut may still undo.
// Copies are cheap and independent (they share blocks and nodes until written), so a test can keep
// the disk of any moment and cut the power there in as many ways as it likes; see sim_crash.h.
//
// Invariants:
// 1. Nodes (files and directories) are known by number; names only point to them, so that a file
//    which is renamed or removed while open goes on. Numbers are never used twice.
// 2. Of each node there is the durable state, and the changes since, in order. A change is pending
//    until a sync of its node, or by itself if it was a durable write. Replaying all of them onto
//    the durable state gives what the running disk answers.
// 3. Tickets order the changes of all nodes; a change of which a sync began to take care has a
//    smaller ticket than any change made after that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/rng.h"
#include "support/sim_image.h"

namespace siltstone::support {

using Bytes = std::vector<std::byte>;
using Inode = std::uint64_t;
using Ticket = std::uint64_t;

/// What remains on the disk of writes that were reported as failed.
enum class Residue : std::uint8_t { none, some, all };

/// A change to a file. Data is shared with copies of the disk and never altered.
struct FileChange {
  enum class Kind : std::uint8_t { write, resize, allocate, punch };

  Kind kind = Kind::write;
  bool durable = false;
  Ticket ticket = 0;
  std::uint64_t offset = 0;  ///< resize: 0.
  std::uint64_t length = 0;  ///< resize: the new size.
  std::shared_ptr<const Bytes> data{};

  void apply(Image& image) const;
};

class FileNode {
 public:
  /// What survives whatever happens.
  [[nodiscard]] const Image& durable() const noexcept { return durable_; }
  /// What the disk itself answers: direct reads see it.
  [[nodiscard]] const Image& media() const noexcept { return media_; }
  /// What buffered reads see. Differs from media() after a failed sync, as on ext4: the pages stay,
  /// clean, with content that the disk never got.
  [[nodiscard]] const Image& cache() const noexcept { return cache_ ? *cache_ : media_; }
  [[nodiscard]] const std::vector<FileChange>& pending() const noexcept { return pending_; }
  /// True when making a write to this range durable takes more than writing its data.
  [[nodiscard]] bool needs_metadata(std::uint64_t offset, std::uint64_t length) const noexcept;
  /// True when a sync has size or blocks to write, not only data.
  [[nodiscard]] bool has_pending_metadata() const noexcept;

  void change(FileChange change);
  /// A write that is durable by itself, with the size and blocks that it needs to be found again.
  void write_durably(FileChange change);
  /// Makes everything up to this ticket durable.
  void sync(Ticket up_to);
  /// The cache takes the write and the disk, but for a residue, does not: a failed write-back.
  void write_to_cache_only(const FileChange& change);
  /// A failed sync: pending writes up to the ticket are forgotten but stay in the cache. A residue
  /// is on the disk nevertheless, as volatile as before.
  void forget_writes(Ticket up_to, Residue residue, Rng& rng);
  /// A candidate for the next crash alone: under way when the power went, never seen by a reader.
  void leave_in_flight(FileChange change) { pending_.push_back(std::move(change)); }
  /// Direct transfers leave nothing of their range in the cache.
  void drop_cache(std::uint64_t offset, std::uint64_t length);
  /// Power came back: this is what the disk holds.
  void restart(Image content);
  /// Alters bytes everywhere at once, behind everybody's back.
  void corrupt(std::uint64_t offset, std::span<const std::byte> bytes);

 private:
  void fold();

  Image durable_;
  Image media_;
  std::optional<Image> cache_;
  std::vector<FileChange> pending_;
};

struct Entry {
  Inode inode = 0;
  bool directory = false;

  friend bool operator==(const Entry&, const Entry&) = default;
};
using Entries = std::map<std::string, Entry, std::less<>>;

/// A change to a directory. A rename is one change: no file system tears it.
struct EntryChange {
  enum class Kind : std::uint8_t { link, unlink, rename };

  Kind kind = Kind::link;
  bool durable = false;
  Ticket ticket = 0;
  std::string name;
  std::string to{};  ///< rename: the new name.
  Entry entry{};     ///< link, rename: what the name leads to.

  void apply(Entries& entries) const;
};

class DirectoryNode {
 public:
  [[nodiscard]] const Entries& durable() const noexcept { return durable_; }
  [[nodiscard]] const Entries& entries() const noexcept { return entries_; }
  [[nodiscard]] const std::vector<EntryChange>& pending() const noexcept { return pending_; }

  void change(EntryChange change);
  /// As FileNode::leave_in_flight().
  void leave_in_flight(EntryChange change) { pending_.push_back(std::move(change)); }
  void sync(Ticket up_to);
  /// A failed sync: pending changes are forgotten but still seen until the machine stops, and no
  /// later sync brings them. A residue is as it was.
  void forget(Ticket up_to, Residue residue, Rng& rng);
  void restart(Entries entries);

 private:
  Entries durable_;
  Entries entries_;
  std::vector<EntryChange> pending_;
};

/// A value that copies share until one of them edits it.
template <typename T>
class Shared {
 public:
  Shared() : value_(std::make_shared<T>()) {}
  const T& operator*() const noexcept { return *value_; }
  const T* operator->() const noexcept { return value_.get(); }
  T& edit() {
    if (value_.use_count() != 1) value_ = std::make_shared<T>(*value_);
    return *value_;
  }

 private:
  std::shared_ptr<T> value_;
};

/// How a power cut goes; see sim_crash.h.
struct Crash;

class Disk {
 public:
  static constexpr Inode kRoot = 1;

  /// With an empty root directory.
  Disk();

  Inode make_file();
  Inode make_directory();
  /// The number of the newest change, for syncs that begin now.
  [[nodiscard]] Ticket now() const noexcept { return ticket_; }
  Ticket next_ticket() noexcept { return ++ticket_; }
  /// A sync took metadata along: what was changed before it is in the journal, in order.
  void commit_journal(Ticket up_to) noexcept { journal_ = std::max(journal_, up_to); }

  [[nodiscard]] const FileNode& file(Inode inode) const { return *files_.at(inode); }
  [[nodiscard]] FileNode& edit_file(Inode inode) { return files_.at(inode).edit(); }
  [[nodiscard]] const DirectoryNode& directory(Inode inode) const {
    return *directories_.at(inode);
  }
  [[nodiscard]] DirectoryNode& edit_directory(Inode inode) { return directories_.at(inode).edit(); }
  /// What the running disk finds at a path like "db/wal/0"; the root for "", "/" and ".".
  [[nodiscard]] std::optional<Entry> find(std::string_view path) const;
  /// Paths and sizes of all files, sorted, as a running machine sees them.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> tree() const;
  /// Allocated bytes of all files that are not yet collected, as the running disk has them.
  [[nodiscard]] std::uint64_t used_bytes() const noexcept;
  /// Forgets files that no name, no pending change and none of these leads to; their blocks may
  /// turn up as garbage in later files.
  void collect(const std::map<Inode, std::uint32_t>& in_use);

  /// The disk as the next boot finds it: nothing pending, everything durable.
  [[nodiscard]] Disk crashed(const Crash& crash) const;

 private:
  friend class CrashBuilder;
  void recycle(const Image& image);

  std::map<Inode, Shared<FileNode>> files_;
  std::map<Inode, Shared<DirectoryNode>> directories_;
  Inode last_inode_ = kRoot;
  Ticket ticket_ = 0;
  Ticket journal_ = 0;
  std::deque<Image::BlockPtr> recycled_;
};

}  // namespace siltstone::support
