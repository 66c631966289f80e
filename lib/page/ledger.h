// Who owns the pages across generations: the extent map, what is durable, and what a power cut
// might still bring back. All the bookkeeping of the page file and none of its I/O.
//
// What may be on the disk after a power cut is the newest generation known to be durable, in one
// slot; and in the other slot the one before it, or any generation whose commit has been tried
// since with unknown outcome. Invariants:
// 1. No page that one of these reaches is given out.
// 2. An extent is written only while no durable generation has it: nothing is updated in place.
// 3. At most one commit and one sync are under way.
// 4. What throws std::bad_alloc has changed nothing, and the end of a commit does not throw.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <siltstone/error.h>

#include "base/ids.h"
#include "base/mutex.h"
#include "io/clock.h"
#include "page/extent_map.h"
#include "page/page_format.h"
#include "page/page_state.h"
#include "page/sync_epochs.h"

namespace siltstone::page {

/// What one or several finished jobs change: extents written since and now used, and extents of the
/// newest generation that are used no more.
struct Edit {
  std::vector<Extent> added{};
  std::vector<Extent> freed{};
};

/// Extents that a generation of unknown outcome has and the durable one has not, by first page.
/// True: given back since.
using Suspects = std::map<base::PageNumber, std::pair<Extent, bool>>;

/// A generation being written, and the memory for its end.
struct Draft {
  base::Generation generation;
  Slot slot = Slot::a;  ///< Where its superblock goes.
  Edit edit;
  std::vector<Extent> extents;  ///< All that it uses but its catalog, ascending.
  Extent catalog;               ///< Set when it has been allocated.
  Suspects suspects;            ///< What it adds; and one for the catalog, at page 0.
  ExtentMap::Room room;
};

enum class CommitOutcome : std::uint8_t {
  durable,
  abandoned,  ///< Its superblock was never written.
  unknown,    ///< Its superblock was written and perhaps is durable.
};

class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// Takes over what open found. `corruption` when extents contradict each other.
  [[nodiscard]] Result<void> open(const PageState& state, Backing backing, io::Time now);

  // Pages. See ExtentMap.
  [[nodiscard]] std::optional<Extent> allocate(std::uint32_t pages, Claim claim);
  /// Gives an extent back that no durable generation has. If one of unknown outcome may have it, it
  /// stays as it is until that question is settled. REQUIRES: no write to it is under way.
  void release(Extent extent, io::Time now);
  [[nodiscard]] Extent trim(Extent extent, std::uint32_t pages, io::Time now);
  [[nodiscard]] std::optional<Growth> plan_growth(std::uint32_t pages, Claim claim, bool generous);
  [[nodiscard]] std::optional<Growth> plan_reserve();
  void set_reserve(std::uint32_t pages);
  void add(const Growth& growth, io::Time now);
  /// Takes free pages out of use so that they can be punched: add() puts them back.
  [[nodiscard]] std::optional<Extent> take_for_punch(io::Time now);
  /// Takes the end of the file out of use so that it can be cut: the growth that puts it back.
  [[nodiscard]] std::optional<Growth> take_for_cut(io::Time now);

  // Writes and syncs. See SyncEpochs.
  /// The live extent that holds this page.
  [[nodiscard]] std::optional<Extent> find_live(base::PageNumber page) const;
  /// The live extent that holds these pages, which are about to be written.
  [[nodiscard]] Extent write_started(base::PageNumber first, std::uint32_t pages);
  void write_ended(const Extent& extent, WriteOutcome outcome);
  [[nodiscard]] Epoch begin_sync();
  void end_sync(Epoch epoch, bool good);
  [[nodiscard]] bool is_tainted(const Extent& extent) const;

  // Generations.
  /// Begins a generation. `busy` while another commit is under way; `io` when an added extent is
  /// tainted; `invalid_argument` when one is not ours to add or free.
  [[nodiscard]] Result<Draft> begin_commit(Edit edit);
  /// After the sync that must cover the draft's extents: `io` for one that is tainted, broken
  /// invariant for one that is still being written.
  [[nodiscard]] Result<void> check_written(const Draft& draft) const;
  /// Never fails. Takes what it needs out of the draft.
  void end_commit(Draft& draft, const Superblock& superblock, CommitOutcome outcome,
                  io::Time now) noexcept;
  /// The oldest generation that a version or lease still uses; kMaxGeneration when none does. What
  /// was freed since stays as it is.
  void set_oldest_needed(base::Generation generation, io::Time now);

  /// The newest superblock known to be durable.
  [[nodiscard]] Superblock durable() const;
  /// Its extents, without the catalog's.
  [[nodiscard]] std::vector<Extent> committed() const;
  [[nodiscard]] Usage usage() const;
  [[nodiscard]] std::uint32_t file_pages() const;
  /// A copy of the map, for reports and checks.
  [[nodiscard]] ExtentMap map() const;

 private:
  [[nodiscard]] bool is_committed(const Extent& extent) const SILT_REQUIRES(mutex_);
  [[nodiscard]] Result<void> check_edit(const Edit& edit) const SILT_REQUIRES(mutex_);
  [[nodiscard]] Result<void> check_durable(const Extent& extent) const SILT_REQUIRES(mutex_);
  void make_durable(Draft& draft, const Superblock& superblock, io::Time now) noexcept
      SILT_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  ExtentMap map_ SILT_GUARDED_BY(mutex_);
  SyncEpochs epochs_ SILT_GUARDED_BY(mutex_);
  Superblock durable_ SILT_GUARDED_BY(mutex_);
  Slot durable_slot_ SILT_GUARDED_BY(mutex_) = Slot::a;
  std::vector<Extent> committed_ SILT_GUARDED_BY(mutex_);  // ascending, without the catalog
  base::Generation last_given_ SILT_GUARDED_BY(mutex_);
  base::Generation oldest_needed_ SILT_GUARDED_BY(mutex_) = kMaxGeneration;
  bool committing_ SILT_GUARDED_BY(mutex_) = false;
  Suspects suspects_ SILT_GUARDED_BY(mutex_);
};

}  // namespace siltstone::page
