// Generations and the pages they own: see ledger.h.
#include "page/ledger.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

std::unexpected<Error> refuse(ErrorCode code, std::string_view what, const Extent& extent) {
  return std::unexpected(base::fail(code, what).offset(byte_offset(extent.first)).build());
}

bool contains(const std::vector<Extent>& sorted, const Extent& extent) {
  return std::ranges::binary_search(sorted, extent);
}

bool has_duplicates(std::vector<Extent> extents) {
  std::ranges::sort(extents);
  return std::ranges::adjacent_find(extents) != extents.end();
}

}  // namespace

Result<void> Ledger::open(const PageState& state, Backing backing, io::Time now) {
  const Judgement& found = state.superblocks;
  std::vector<Extent> live = state.newest.catalog.extents;
  live.push_back(found.newest.catalog_extent());
  ExtentMap map = SILT_TRY(ExtentMap::derive(live, state.file_pages, backing, now));
  for (const Extent& extent : state.held) SILT_TRY(map.hold(extent, found.newest.generation));

  const base::MutexLock lock(mutex_);
  map_ = std::move(map);
  durable_ = found.newest;
  durable_slot_ = found.slot;
  committed_ = state.newest.catalog.extents;
  last_given_ = found.newest.generation;
  return {};
}

std::optional<Extent> Ledger::allocate(std::uint32_t pages, Claim claim) {
  const base::MutexLock lock(mutex_);
  return map_.allocate(pages, claim);
}

void Ledger::release(Extent extent, io::Time now) {
  const base::MutexLock lock(mutex_);
  SILT_ASSERT(!is_committed(extent));
  const auto suspect = suspects_.find(extent.first);
  if (suspect != suspects_.end()) {
    suspect->second.second = true;
    return;
  }
  map_.release(extent, now);
  epochs_.forget(extent);
}

Extent Ledger::trim(Extent extent, std::uint32_t pages, io::Time now) {
  const base::MutexLock lock(mutex_);
  SILT_ASSERT(!is_committed(extent));
  SILT_ASSERT(!suspects_.contains(extent.first));
  return map_.trim(extent, pages, now);
}

std::optional<Growth> Ledger::plan_growth(std::uint32_t pages, Claim claim, bool generous) {
  const base::MutexLock lock(mutex_);
  return map_.plan_growth(pages, claim, generous);
}

std::optional<Growth> Ledger::plan_reserve() {
  const base::MutexLock lock(mutex_);
  return map_.plan_reserve();
}

void Ledger::set_reserve(std::uint32_t pages) {
  const base::MutexLock lock(mutex_);
  map_.set_reserve(pages);
}

void Ledger::add(const Growth& growth, io::Time now) {
  const base::MutexLock lock(mutex_);
  map_.add(growth, now);
}

std::optional<Extent> Ledger::take_for_punch(io::Time now) {
  const base::MutexLock lock(mutex_);
  const std::vector<Extent> plan = map_.plan_punch(now);
  if (plan.empty()) return std::nullopt;
  map_.punched(plan.front(), now);
  return plan.front();
}

std::optional<Growth> Ledger::take_for_cut(io::Time now) {
  const base::MutexLock lock(mutex_);
  const std::optional<std::uint32_t> end = map_.plan_cut(now);
  if (!end) return std::nullopt;
  const Growth back{base::PageNumber(*end), map_.file_pages() - *end, true};
  map_.cut(*end);
  return back;
}

std::optional<Extent> Ledger::find_live(base::PageNumber page) const {
  const base::MutexLock lock(mutex_);
  return map_.find_live(page);
}

Extent Ledger::write_started(base::PageNumber first, std::uint32_t pages) {
  const base::MutexLock lock(mutex_);
  const std::optional<Extent> extent = map_.find_live(first);
  SILT_ASSERT(extent.has_value());
  SILT_ASSERT(first + pages <= extent->end());
  SILT_ASSERT(!is_committed(*extent));
  epochs_.write_started(*extent);
  return *extent;
}

void Ledger::write_ended(const Extent& extent, WriteOutcome outcome) {
  const base::MutexLock lock(mutex_);
  epochs_.write_ended(extent, outcome);
}

Epoch Ledger::begin_sync() {
  const base::MutexLock lock(mutex_);
  return epochs_.begin_sync();
}

void Ledger::end_sync(Epoch epoch, bool good) {
  const base::MutexLock lock(mutex_);
  epochs_.end_sync(epoch, good);
}

bool Ledger::is_tainted(const Extent& extent) const {
  const base::MutexLock lock(mutex_);
  return epochs_.is_tainted(extent);
}

// The catalog of the durable generation is as untouchable as its extents.
bool Ledger::is_committed(const Extent& extent) const {
  return contains(committed_, extent) || extent == durable_.catalog_extent();
}

Result<void> Ledger::check_edit(const Edit& edit) const {
  for (const Extent& extent : edit.added) {
    if (!map_.is_live(extent) || is_committed(extent)) {
      return refuse(ErrorCode::invalid_argument, "an added extent is not a new one", extent);
    }
    if (epochs_.is_tainted(extent)) {
      return refuse(ErrorCode::io, "an extent must be written again elsewhere", extent);
    }
  }
  for (const Extent& extent : edit.freed) {
    if (!contains(committed_, extent)) {
      return refuse(ErrorCode::invalid_argument, "a freed extent is not in use", extent);
    }
  }
  if (has_duplicates(edit.added) || has_duplicates(edit.freed)) {
    return base::fail(ErrorCode::invalid_argument, "an extent is added or freed twice");
  }
  return {};
}

Result<Draft> Ledger::begin_commit(Edit edit) {
  const base::MutexLock lock(mutex_);
  if (committing_) return base::fail(ErrorCode::busy, "another commit is under way");
  SILT_TRY(check_edit(edit));
  std::ranges::sort(edit.added);
  std::ranges::sort(edit.freed);
  Draft draft;
  std::vector<Extent> kept;
  std::ranges::set_difference(committed_, edit.freed, std::back_inserter(kept));
  std::ranges::merge(kept, edit.added, std::back_inserter(draft.extents));
  for (const Extent& extent : edit.added) draft.suspects.try_emplace(extent.first, extent, false);
  draft.suspects.try_emplace(base::PageNumber(0), Extent{}, true);
  draft.room = map_.make_room(edit.freed.size() + suspects_.size() + 1);
  draft.edit = std::move(edit);
  draft.generation = last_given_ = last_given_.next();
  draft.slot = other(durable_slot_);
  committing_ = true;
  return draft;
}

Result<void> Ledger::check_written(const Draft& draft) const {
  const base::MutexLock lock(mutex_);
  for (const Extent& extent : draft.edit.added) SILT_TRY(check_durable(extent));
  return check_durable(draft.catalog);
}

Result<void> Ledger::check_durable(const Extent& extent) const {
  if (epochs_.is_tainted(extent)) {
    return refuse(ErrorCode::io, "an extent must be written again elsewhere", extent);
  }
  SILT_CHECK(epochs_.is_durable(extent));
  return {};
}

void Ledger::end_commit(Draft& draft, const Superblock& superblock, CommitOutcome outcome,
                        io::Time now) noexcept {
  const base::MutexLock lock(mutex_);
  SILT_ASSERT(committing_);
  committing_ = false;
  switch (outcome) {
    case CommitOutcome::durable: make_durable(draft, superblock, now); break;
    case CommitOutcome::abandoned:
      if (draft.catalog.pages == 0) break;
      epochs_.forget(draft.catalog);
      map_.release(draft.catalog, now, draft.room);
      break;
    case CommitOutcome::unknown:
      auto catalog = draft.suspects.extract(base::PageNumber(0));
      catalog.key() = draft.catalog.first;
      catalog.mapped().first = draft.catalog;
      suspects_.insert(std::move(catalog));
      suspects_.merge(draft.suspects);
      break;
  }
}

void Ledger::make_durable(Draft& draft, const Superblock& superblock, io::Time now) noexcept {
  map_.retire(durable_.catalog_extent(), draft.generation);
  for (const Extent& extent : draft.edit.freed) map_.retire(extent, draft.generation);
  // The slot of the generations in doubt is overwritten: what they had and nobody wants is free
  // in the end. Like all frees of this generation it waits for the next.
  for (const auto& [first, suspect] : suspects_) {
    const auto& [extent, given_back] = suspect;
    if (!given_back || contains(draft.extents, extent)) continue;
    epochs_.forget(extent);
    map_.retire(extent, draft.generation);
  }
  suspects_.clear();
  committed_ = std::move(draft.extents);
  durable_ = superblock;
  durable_slot_ = draft.slot;
  map_.reclaim(draft.generation, oldest_needed_, now, draft.room);
}

void Ledger::set_oldest_needed(base::Generation generation, io::Time now) {
  const base::MutexLock lock(mutex_);
  map_.reclaim(durable_.generation, generation, now);
  oldest_needed_ = generation;
}

Superblock Ledger::durable() const {
  const base::MutexLock lock(mutex_);
  return durable_;
}

std::vector<Extent> Ledger::committed() const {
  const base::MutexLock lock(mutex_);
  return committed_;
}

Usage Ledger::usage() const {
  const base::MutexLock lock(mutex_);
  return map_.usage();
}

std::uint32_t Ledger::file_pages() const {
  const base::MutexLock lock(mutex_);
  return map_.file_pages();
}

ExtentMap Ledger::map() const {
  const base::MutexLock lock(mutex_);
  return map_;
}

}  // namespace siltstone::page
