// The map of extents: see extent_map.h.
#include "page/extent_map.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t pages_of_mib(std::uint32_t mib) noexcept {
  return mib * ((std::uint32_t{1} << 20) / kPageBytes);
}

/// The file grows by an eighth: few calls for a large one, little waste for a small one.
constexpr std::uint32_t kMinGrowthPages = pages_of_mib(1);
constexpr std::uint32_t kMaxGrowthPages = pages_of_mib(256);
constexpr std::uint32_t kReserveStepPages = pages_of_mib(1);
/// Punching costs a journal transaction and the blocks' place on the disk: not for less, or sooner.
constexpr std::uint32_t kMinPunchPages = pages_of_mib(1);
constexpr io::Duration kPunchAge = seconds(60);
/// A run that is still growing is not at rest: parts freed this close together count as one.
constexpr io::Duration kSameAge = seconds(10);

bool same_age(io::Time a, io::Time b) noexcept {
  const io::Duration apart = a > b ? a - b : b - a;
  return apart <= kSameAge;
}

std::unexpected<Error> corrupt(std::string_view what, const Extent& extent) {
  return std::unexpected(
      base::fail(ErrorCode::corruption, what).offset(byte_offset(extent.first)).build());
}

Extent extent_at(std::uint32_t first, std::uint32_t pages) noexcept {
  return {base::PageNumber(first), pages};
}

std::uint32_t growth_ahead(std::uint32_t file_pages) noexcept {
  return whole_units(std::clamp(file_pages / 8, kMinGrowthPages, kMaxGrowthPages));
}

}  // namespace

Result<ExtentMap> ExtentMap::derive(std::span<const Extent> live, std::uint64_t file_pages,
                                    Backing backing, io::Time now) {
  ExtentMap map;
  const std::uint64_t pages = std::min<std::uint64_t>(file_pages, kMaxFilePages);
  map.usage_.file = static_cast<std::uint32_t>(pages / kUnitPages * kUnitPages);
  for (const Extent& extent : live) {
    if (!is_plausible(extent, map.usage_.file)) return corrupt("an extent cannot be", extent);
    if (!map.live_.emplace(extent.first.value(), extent.pages).second) {
      return corrupt("two extents begin at one page", extent);
    }
    map.usage_.live += extent.pages;
  }
  std::uint32_t behind = kHeaderPages;
  for (const auto& [first, count] : map.live_) {
    if (first < behind) return corrupt("extents overlap", extent_at(first, count));
    if (first > behind) map.insert_free(behind, {first - behind, backing, now});
    behind = first + count;
  }
  if (map.usage_.file > behind) {
    map.insert_free(behind, {map.usage_.file - behind, backing, now});
  }
  return map;
}

std::optional<Extent> ExtentMap::allocate(std::uint32_t pages, Claim claim) {
  SILT_ASSERT(pages > 0);
  SILT_ASSERT(pages <= kMaxExtentPages);
  const std::uint32_t wanted = whole_units(pages);
  const std::uint32_t kept = claim == Claim::ordinary ? reserve_ : 0;
  if (usage_.backed < wanted || usage_.backed - wanted < kept) return std::nullopt;
  // Neighbouring backed runs, apart only in age, are one place.
  std::uint32_t start = 0;
  std::uint32_t length = 0;
  for (const auto& [first, run] : runs_) {
    if (run.backing != Backing::backed) continue;
    if (length == 0 || start + length != first) {
      start = first;
      length = 0;
    }
    length += run.pages;
    if (length < wanted) continue;
    const Extent extent = extent_at(start, wanted);
    remove_free(start, wanted);
    live_.emplace(start, wanted);
    usage_.live += wanted;
    return extent;
  }
  return std::nullopt;
}

void ExtentMap::release(Extent extent, io::Time now) {
  SILT_ASSERT(is_live(extent));
  live_.erase(extent.first.value());
  usage_.live -= extent.pages;
  insert_free(extent.first.value(), {extent.pages, Backing::backed, now});
}

Extent ExtentMap::trim(Extent extent, std::uint32_t pages, io::Time now) {
  SILT_ASSERT(is_live(extent));
  SILT_ASSERT(pages > 0);
  SILT_ASSERT(pages <= extent.pages);
  const std::uint32_t kept = whole_units(pages);
  const std::uint32_t freed = extent.pages - kept;
  if (freed == 0) return extent;
  live_[extent.first.value()] = kept;
  usage_.live -= freed;
  insert_free(extent.first.value() + kept, {freed, Backing::backed, now});
  return {extent.first, kept};
}

void ExtentMap::retire(Extent extent, base::Generation freed_by) {
  SILT_ASSERT(is_live(extent));
  live_.erase(extent.first.value());
  usage_.live -= extent.pages;
  usage_.pending += extent.pages;
  pending_.push_back({extent, freed_by});
}

Result<void> ExtentMap::hold(Extent extent, base::Generation freed_by) {
  if (!is_plausible(extent, usage_.file) || !is_free(extent)) {
    return corrupt("an extent of the older generation is in use", extent);
  }
  remove_free(extent.first.value(), extent.pages);
  usage_.pending += extent.pages;
  pending_.push_back({extent, freed_by});
  return {};
}

void ExtentMap::reclaim(base::Generation durable, base::Generation oldest_needed, io::Time now) {
  std::erase_if(pending_, [&](const Pending& pending) {
    if (pending.freed_by >= durable || pending.freed_by > oldest_needed) return false;
    usage_.pending -= pending.extent.pages;
    insert_free(pending.extent.first.value(), {pending.extent.pages, Backing::backed, now});
    return true;
  });
}

bool ExtentMap::is_live(const Extent& extent) const noexcept {
  const auto found = live_.find(extent.first.value());
  return found != live_.end() && found->second == extent.pages;
}

std::optional<Extent> ExtentMap::find_live(base::PageNumber page) const noexcept {
  auto next = live_.upper_bound(page.value());
  if (next == live_.begin()) return std::nullopt;
  const auto& [first, pages] = *std::prev(next);
  const Extent extent = extent_at(first, pages);
  return extent.contains(page) ? std::optional(extent) : std::nullopt;
}

std::optional<Growth> ExtentMap::plan_growth(std::uint32_t pages, Claim claim,
                                             bool generous) const {
  const std::uint32_t wanted = whole_units(pages);
  const std::uint64_t needed = wanted + std::uint64_t{claim == Claim::ordinary ? reserve_ : 0};
  // First a place inside the file that is long enough, whatever its backing, if backing it is
  // enough. Runs lie end to end, so neighbours are one place.
  std::uint32_t start = kHeaderPages;
  std::uint32_t length = 0;
  std::uint32_t unbacked = 0;  // within the first `wanted` pages of the place
  for (const auto& [first, run] : runs_) {
    if (start + length != first) std::tie(start, length, unbacked) = std::tuple(first, 0U, 0U);
    const std::uint32_t in_reach = std::min(run.pages, wanted - std::min(wanted, length));
    if (run.backing != Backing::backed) unbacked += in_reach;
    length += run.pages;
    const bool suffices = usage_.backed + std::uint64_t{unbacked} >= needed;
    if (length >= wanted && unbacked > 0 && suffices)
      return Growth{base::PageNumber(start), wanted};
  }
  // Else the end of the file, together with what is free there, if that alone is too short.
  const bool ends_free = start + length == usage_.file;
  const std::uint32_t at_end = ends_free && length < wanted ? length : 0;
  const std::uint64_t has = usage_.backed + std::uint64_t{at_end > 0 ? unbacked : 0};
  const std::uint64_t for_total = needed > has ? needed - has : 0;
  const std::uint64_t for_place = ends_free && length >= wanted ? 0 : wanted - at_end;
  const std::uint64_t more = std::max(for_place, for_total);
  const std::uint32_t room = kMaxFilePages - usage_.file;
  if (more > room) return std::nullopt;
  const std::uint64_t ahead = generous ? growth_ahead(usage_.file) : 0;
  const std::uint64_t grown = std::min<std::uint64_t>(std::max(more, ahead), room);
  return Growth{base::PageNumber(usage_.file - at_end), static_cast<std::uint32_t>(at_end + grown),
                true};
}

void ExtentMap::add(const Growth& growth, io::Time now) {
  const std::uint32_t first = growth.first.value();
  const std::uint32_t end = first + growth.pages;
  SILT_ASSERT(end <= usage_.file || growth.extends_file);
  const std::uint32_t inside = std::min(end, usage_.file) - first;
  if (inside > 0) remove_free(first, inside);
  usage_.file = std::max(usage_.file, end);
  insert_free(first, {growth.pages, Backing::backed, now});
}

std::optional<Growth> ExtentMap::plan_reserve() const {
  if (usage_.backed >= reserve_) return std::nullopt;
  const std::uint32_t missing = std::min(whole_units(reserve_ - usage_.backed), kReserveStepPages);
  for (const auto& [first, run] : runs_) {
    if (run.backing == Backing::backed) continue;
    return Growth{base::PageNumber(first), std::min(run.pages, missing)};
  }
  if (missing > kMaxFilePages - usage_.file) return std::nullopt;
  return Growth{base::PageNumber(usage_.file), missing, true};
}

// Backed or perhaps backed pages beyond what the next writes will want.
std::uint32_t ExtentMap::surplus() const noexcept {
  std::uint32_t unknown = 0;
  for (const auto& [first, run] : runs_) {
    if (run.backing == Backing::unknown) unknown += run.pages;
  }
  const std::uint32_t kept = std::max(usage_.live / 4, reserve_);
  const std::uint32_t have = usage_.backed + unknown;
  return have > kept ? (have - kept) / kUnitPages * kUnitPages : 0;
}

std::vector<Extent> ExtentMap::plan_punch(io::Time now) const {
  std::vector<Extent> plan;
  std::uint32_t left = surplus();
  for (auto run = runs_.rbegin(); run != runs_.rend() && left >= kMinPunchPages; ++run) {
    const auto& [first, free] = *run;
    const bool rests = free.backing != Backing::punched && now - free.since > kPunchAge;
    if (!rests || free.pages < kMinPunchPages) continue;
    const std::uint32_t pages = std::min(free.pages, left);
    plan.push_back(extent_at(first + free.pages - pages, pages));
    left -= pages;
  }
  return plan;
}

void ExtentMap::punched(Extent extent, io::Time now) {
  SILT_ASSERT(is_free(extent));
  remove_free(extent.first.value(), extent.pages);
  insert_free(extent.first.value(), {extent.pages, Backing::punched, now});
}

std::optional<std::uint32_t> ExtentMap::plan_cut(io::Time now) const {
  std::uint32_t end = usage_.file;
  std::uint32_t left = surplus();
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    const auto& [first, free] = *run;
    if (first + free.pages != end || now - free.since <= kPunchAge) break;
    // Pages without blocks cost nothing to cut and give nothing back.
    const bool costs = free.backing != Backing::punched;
    const std::uint32_t pages = costs ? std::min(free.pages, left) : free.pages;
    end -= pages;
    if (costs) left -= pages;
    if (pages < free.pages) break;
  }
  if (usage_.file - end < kMinPunchPages) return std::nullopt;
  return end;
}

void ExtentMap::cut(std::uint32_t file_pages) {
  SILT_ASSERT(file_pages >= used_end());
  SILT_ASSERT(file_pages % kUnitPages == 0);
  if (file_pages == usage_.file) return;
  remove_free(file_pages, usage_.file - file_pages);
  usage_.file = file_pages;
}

std::uint32_t ExtentMap::used_end() const noexcept {
  std::uint32_t end = kHeaderPages;
  if (!live_.empty()) end = live_.rbegin()->first + live_.rbegin()->second;
  for (const Pending& pending : pending_) end = std::max(end, pending.extent.end().value());
  return end;
}

std::vector<Extent> ExtentMap::live() const {
  std::vector<Extent> extents;
  extents.reserve(live_.size());
  for (const auto& [first, pages] : live_) extents.push_back(extent_at(first, pages));
  return extents;
}

std::vector<Extent> ExtentMap::pending() const {
  std::vector<Extent> extents;
  extents.reserve(pending_.size());
  for (const Pending& pending : pending_) extents.push_back(pending.extent);
  std::ranges::sort(extents);
  return extents;
}

std::vector<Extent> ExtentMap::free() const {
  std::vector<Extent> extents;
  for (const auto& [first, run] : runs_) extents.push_back(extent_at(first, run.pages));
  return extents;
}

bool ExtentMap::is_consistent() const {
  std::vector<Extent> all = live();
  std::ranges::copy(pending(), std::back_inserter(all));
  std::ranges::copy(free(), std::back_inserter(all));
  std::ranges::sort(all);
  std::uint32_t behind = std::min(kHeaderPages, usage_.file);
  for (const Extent& extent : all) {
    if (extent.first.value() != behind || extent.pages == 0) return false;
    if (extent.pages % kUnitPages != 0) return false;
    behind = extent.end().value();
  }
  return behind == usage_.file && usage_.file == std::min(kHeaderPages, usage_.file) + usage_.live +
                                                     usage_.pending + usage_.backed +
                                                     usage_.unbacked;
}

std::uint32_t& ExtentMap::count_of(Backing backing) noexcept {
  return backing == Backing::backed ? usage_.backed : usage_.unbacked;
}

bool ExtentMap::is_free(const Extent& extent) const noexcept {
  std::uint32_t at = extent.first.value();
  const std::uint32_t end = extent.end().value();
  auto run = runs_.upper_bound(at);
  if (run == runs_.begin()) return false;
  for (--run; run != runs_.end() && run->first <= at && at < end; ++run) {
    at = std::max(at, run->first + run->second.pages);
  }
  return at >= end;
}

void ExtentMap::insert_free(std::uint32_t first, Run run) {
  count_of(run.backing) += run.pages;
  const auto joins = [&run](const Run& neighbour) {
    return neighbour.backing == run.backing && same_age(neighbour.since, run.since);
  };
  auto next = runs_.lower_bound(first);
  if (next != runs_.end() && next->first == first + run.pages && joins(next->second)) {
    run.pages += next->second.pages;
    run.since = std::max(run.since, next->second.since);
    next = runs_.erase(next);
  }
  if (next != runs_.begin()) {
    auto& [before, neighbour] = *std::prev(next);
    if (before + neighbour.pages == first && joins(neighbour)) {
      neighbour.pages += run.pages;
      neighbour.since = std::max(neighbour.since, run.since);
      return;
    }
  }
  runs_.emplace_hint(next, first, run);
}

void ExtentMap::remove_free(std::uint32_t first, std::uint32_t pages) {
  SILT_ASSERT(is_free(extent_at(first, pages)));
  const std::uint32_t end = first + pages;
  auto run = std::prev(runs_.upper_bound(first));
  while (run != runs_.end() && run->first < end) {
    const std::uint32_t run_first = run->first;
    const std::uint32_t run_end = run_first + run->second.pages;
    const Run whole = run->second;
    run = runs_.erase(run);
    const std::uint32_t cut_from = std::max(run_first, first);
    const std::uint32_t cut_to = std::min(run_end, end);
    count_of(whole.backing) -= cut_to - cut_from;
    if (run_first < cut_from) {
      runs_.emplace(run_first, Run{cut_from - run_first, whole.backing, whole.since});
    }
    if (cut_to < run_end) runs_.emplace(cut_to, Run{run_end - cut_to, whole.backing, whole.since});
  }
}

}  // namespace siltstone::page
