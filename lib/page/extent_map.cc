// The map of extents, but for the growth of the file: see extent_map.h and extent_map_space.cc.
#include "page/extent_map.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

/// A run that is still growing is not at rest: parts freed this close together count as one.
constexpr io::Duration kSameAge = std::chrono::seconds(10);

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
  Room room = room_for(map.live_.size() + 1);
  std::uint32_t behind = kHeaderPages;
  for (const auto& [first, count] : map.live_) {
    if (first < behind) return corrupt("extents overlap", extent_at(first, count));
    if (first > behind) map.insert_free(behind, {first - behind, backing, now}, room);
    behind = first + count;
  }
  if (map.usage_.file > behind) {
    map.insert_free(behind, {map.usage_.file - behind, backing, now}, room);
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
    const auto owned = live_.emplace(start, wanted).first;
    try {
      remove_free(start, wanted);
    } catch (const std::bad_alloc&) {
      live_.erase(owned);
      throw;
    }
    usage_.live += wanted;
    return extent_at(start, wanted);
  }
  return std::nullopt;
}

void ExtentMap::release(Extent extent, io::Time now) {
  Room room = room_for(1);
  release(extent, now, room);
}

void ExtentMap::release(Extent extent, io::Time now, Room& room) noexcept {
  SILT_ASSERT(is_live(extent));
  live_.erase(extent.first.value());
  usage_.live -= extent.pages;
  insert_free(extent.first.value(), {extent.pages, Backing::backed, now}, room);
}

Extent ExtentMap::trim(Extent extent, std::uint32_t pages, io::Time now) {
  SILT_ASSERT(is_live(extent));
  SILT_ASSERT(pages > 0);
  SILT_ASSERT(pages <= extent.pages);
  const std::uint32_t kept = whole_units(pages);
  const std::uint32_t freed = extent.pages - kept;
  if (freed == 0) return extent;
  Room room = room_for(1);
  live_.find(extent.first.value())->second = kept;
  usage_.live -= freed;
  insert_free(extent.first.value() + kept, {freed, Backing::backed, now}, room);
  return {extent.first, kept};
}

// Each pending extent may become a free run, and one more may be released.
ExtentMap::Room ExtentMap::make_room(std::size_t retirements) {
  const std::size_t pending = pending_.size() + retirements;
  pending_.reserve(pending);
  return room_for(pending + 1);
}

ExtentMap::Room ExtentMap::room_for(std::size_t runs) {
  Room room;
  for (std::uint32_t i = 0; i < runs; ++i) room.runs_.emplace_hint(room.runs_.end(), i, Run{});
  return room;
}

void ExtentMap::retire(Extent extent, base::Generation freed_by) noexcept {
  SILT_ASSERT(is_live(extent));
  SILT_ASSERT(pending_.size() < pending_.capacity());
  live_.erase(extent.first.value());
  usage_.live -= extent.pages;
  usage_.pending += extent.pages;
  pending_.push_back({extent, freed_by});
}

Result<void> ExtentMap::hold(Extent extent, base::Generation freed_by) {
  if (!is_plausible(extent, usage_.file) || !is_free(extent)) {
    return corrupt("an extent of the older generation is in use", extent);
  }
  pending_.reserve(pending_.size() + 1);
  remove_free(extent.first.value(), extent.pages);
  usage_.pending += extent.pages;
  pending_.push_back({extent, freed_by});
  return {};
}

void ExtentMap::reclaim(base::Generation durable, base::Generation oldest_needed, io::Time now) {
  Room room = make_room(0);
  reclaim(durable, oldest_needed, now, room);
}

void ExtentMap::reclaim(base::Generation durable, base::Generation oldest_needed, io::Time now,
                        Room& room) noexcept {
  std::erase_if(pending_, [&](const Pending& pending) {
    if (pending.freed_by >= durable || pending.freed_by > oldest_needed) return false;
    usage_.pending -= pending.extent.pages;
    insert_free(pending.extent.first.value(), {pending.extent.pages, Backing::backed, now}, room);
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

void ExtentMap::insert_free(std::uint32_t first, Run run, Room& room) noexcept {
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
  SILT_ASSERT(!room.runs_.empty());
  auto node = room.runs_.extract(room.runs_.begin());
  node.key() = first;
  node.mapped() = run;
  runs_.insert(next, std::move(node));
}

// A run that begins before the cut is split, which alone needs memory and comes first.
void ExtentMap::remove_free(std::uint32_t first, std::uint32_t pages) {
  SILT_ASSERT(is_free(extent_at(first, pages)));
  const std::uint32_t end = first + pages;
  auto run = std::prev(runs_.upper_bound(first));
  if (run->first < first) {
    const Run tail{run->first + run->second.pages - first, run->second.backing, run->second.since};
    const auto next = runs_.emplace_hint(std::next(run), first, tail);
    run->second.pages -= tail.pages;
    run = next;
  }
  while (run != runs_.end() && run->first < end) {
    const std::uint32_t cut = std::min(run->second.pages, end - run->first);
    count_of(run->second.backing) -= cut;
    auto node = runs_.extract(run++);
    node.key() += cut;
    node.mapped().pages -= cut;
    if (node.mapped().pages > 0) runs_.insert(run, std::move(node));
  }
}

}  // namespace siltstone::page
