// How long the file is and where it has blocks: growing it and giving space back. The rest of the
// map is in extent_map.cc.
#include <algorithm>
#include <chrono>
#include <tuple>

#include "base/assert.h"
#include "page/extent_map.h"

namespace siltstone::page {
namespace {

constexpr std::uint32_t pages_of_mib(std::uint32_t mib) noexcept {
  return mib * ((std::uint32_t{1} << 20) / kPageBytes);
}

/// The file grows by an eighth: few calls for a large one, little waste for a small one.
constexpr std::uint32_t kMinGrowthPages = pages_of_mib(1);
constexpr std::uint32_t kMaxGrowthPages = pages_of_mib(256);
constexpr std::uint32_t kReserveStepPages = pages_of_mib(1);
/// Punching costs a journal transaction and the blocks' place on the disk: not for less, or sooner.
constexpr std::uint32_t kMinPunchPages = pages_of_mib(1);
constexpr io::Duration kPunchAge = std::chrono::seconds(60);

Extent extent_at(std::uint32_t first, std::uint32_t pages) noexcept {
  return {base::PageNumber(first), pages};
}

std::uint32_t growth_ahead(std::uint32_t file_pages) noexcept {
  return whole_units(std::clamp(file_pages / 8, kMinGrowthPages, kMaxGrowthPages));
}

}  // namespace

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
  Room room = room_for(1);
  if (inside > 0) remove_free(first, inside);
  usage_.file = std::max(usage_.file, end);
  insert_free(first, {growth.pages, Backing::backed, now}, room);
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
  Room room = room_for(1);
  remove_free(extent.first.value(), extent.pages);
  insert_free(extent.first.value(), {extent.pages, Backing::punched, now}, room);
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

}  // namespace siltstone::page
