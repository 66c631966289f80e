// The page file: opened, grown, shrunk. Extents are written by ExtentWriter, read by PageReader,
// and become durable state by Commit; the bookkeeping of all of them is the Ledger.
//
// Thread-safe, but for destruction; each thread brings its own Channel. Whoever uses a PageFile
// goes before it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "base/ids.h"
#include "base/mutex.h"
#include "io/clock.h"
#include "io/complete.h"
#include "io/storage.h"
#include "page/ledger.h"
#include "page/page_state.h"
#include "page/page_stats.h"

namespace siltstone::page {

/// Kept back even when the memtables are empty: a catalog and a small flush.
inline constexpr std::uint64_t kMinReserveBytes = std::uint64_t{512} << 10;
/// Length of a new page file.
inline constexpr std::uint64_t kCreatedBytes = std::uint64_t{1} << 20;

struct PageFileOptions {
  bool direct = true;      ///< Bypass the page cache where the file system can.
  bool read_only = false;  ///< Writes nothing, repairs nothing.
};

/// What a store is known by.
struct Identity {
  base::StoreId store;
  std::uint64_t hash_seed = 0;
};

class PageFile {
 public:
  struct Opened;

  /// Makes the page file durable with this payload, as generation 2, and its name too; in the place
  /// of a creation that did not finish, but never of a store: `invalid_argument`.
  [[nodiscard]] static Result<Opened> create(io::Directory& directory, std::string_view name,
                                             io::Channel& channel, io::Clock& clock,
                                             const Identity& identity, base::Bytes payload,
                                             PageFileOptions options = {});
  /// Opens the newest generation, never an older one. Nothing, when creation never finished; the
  /// error of Directory::open() when there is no file. A writer first replaces weak superblock
  /// copies (all of the newest slot, where the page cache cannot be bypassed) and syncs, so that
  /// what it found is durable.
  [[nodiscard]] static Result<std::optional<Opened>> open(io::Directory& directory,
                                                          std::string_view name,
                                                          io::Channel& channel, io::Clock& clock,
                                                          PageFileOptions options = {});

  PageFile(const PageFile&) = delete;
  PageFile& operator=(const PageFile&) = delete;
  ~PageFile() = default;

  // Space.

  /// New pages, at most kMaxExtentPages, rounded up to units; the file grows if it must. `no_space`
  /// when disk or claim allow no more: try fewer pages, or later. Until a commit adds it, the
  /// extent is the caller's to release(), and forgotten by a reopen.
  [[nodiscard]] Result<Extent> allocate(std::uint32_t pages, Claim claim);
  /// Gives back an extent that no durable generation has. No write to it may be under way.
  void release(Extent extent);
  /// Gives back the end of one, keeps at least `pages`; returns what is left.
  [[nodiscard]] Extent trim(Extent extent, std::uint32_t pages);
  /// Sets how many bytes Claim::reserved can count on, at least kMinReserveBytes.
  void set_reserve(std::uint64_t bytes);
  /// Backs at most 1 MiB of what the reserve lacks. True while there is more to do.
  [[nodiscard]] Result<bool> grow_reserve();
  /// Gives one stretch of free space at rest back to the file system. True when it did.
  [[nodiscard]] Result<bool> give_back();
  /// See Ledger::set_oldest_needed().
  void set_oldest_needed(base::Generation generation);
  /// True when an extent must be written again, elsewhere: a sync or a write failed.
  [[nodiscard]] bool is_tainted(const Extent& extent) const { return ledger_.is_tainted(extent); }

  // Syncing, for Commit: nobody else does.

  /// Starts the one sync that may be under way; end_sync() belongs to it.
  [[nodiscard]] Epoch begin_sync() { return ledger_.begin_sync(); }
  void end_sync(Epoch epoch, bool good) { ledger_.end_sync(epoch, good); }

  /// The newest superblock known to be durable.
  [[nodiscard]] Superblock superblock() const { return ledger_.durable(); }
  [[nodiscard]] io::File& file() const noexcept { return *file_; }
  [[nodiscard]] Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] Meter& meter() noexcept { return meter_; }
  [[nodiscard]] Usage usage() const { return ledger_.usage(); }
  [[nodiscard]] PageStats stats() const { return meter_.snapshot(); }
  [[nodiscard]] io::Time now() const noexcept { return meter_.clock().now(); }

 private:
  PageFile(std::unique_ptr<io::File> file, io::Clock& clock)
      : file_(std::move(file)), meter_(clock) {}

  [[nodiscard]] Result<void> make_durable(const PageState& state, io::Channel& channel);
  [[nodiscard]] Result<Extent> allocate_by_growing(std::uint32_t pages, Claim claim);
  [[nodiscard]] Result<void> back(const Growth& growth);

  const std::unique_ptr<io::File> file_;
  Meter meter_;
  Ledger ledger_;
  // Held over the system calls that change where the file has blocks, so that one of them never
  // undoes what another has just been given.
  base::Mutex blocks_mutex_;
};

/// A page file and what its newest generation says.
struct PageFile::Opened {
  std::unique_ptr<PageFile> file;
  LoadedCatalog catalog;       ///< Payload, and the extents in use.
  std::vector<Damage> damage;  ///< What was found wrong; superblock copies are repaired by now.
};

}  // namespace siltstone::page
