// Reading and judging superblock copies: see superblock.h.
#include "page/superblock.h"

#include <algorithm>
#include <ranges>
#include <span>

#include <fmt/format.h>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

using SlotCopies = std::span<const DecodedSuperblock, kCopies>;

char name_of(Slot slot) noexcept { return slot == Slot::a ? 'A' : 'B'; }

SlotCopies copies_of(const SuperblockCopies& copies, Slot slot) noexcept {
  const std::span<const DecodedSuperblock> all(copies);
  return all.subspan(static_cast<std::size_t>(slot) * kCopies).first<kCopies>();
}

bool is_zero(SlotCopies copies) noexcept {
  return std::ranges::all_of(copies,
                             [](const auto& copy) { return copy.state == CopyState::zero; });
}

// The copies that say who may read them: valid bytes of a format that is not ours.
Result<void> refuse_foreign_formats(const SuperblockCopies& copies, std::string_view path) {
  for (const DecodedSuperblock& copy : copies) {
    if (copy.state == CopyState::newer_version) {
      return base::fail(ErrorCode::unsupported,
                        fmt::format("the page file has format version {}, newer than {}",
                                    copy.version, kFormatVersion))
          .path(path);
    }
    if (copy.state == CopyState::unknown_feature) {
      return base::fail(ErrorCode::unsupported,
                        fmt::format("the page file requires unknown features {:#x}", copy.features))
          .path(path);
    }
  }
  return {};
}

std::unexpected<Error> corrupt(std::string_view what, std::string_view path,
                               base::PageNumber page) {
  return std::unexpected(
      base::fail(ErrorCode::corruption, what).path(path).offset(byte_offset(page)).build());
}

// The newest valid copy of one slot; null when there is none. Two copies of one generation that
// differ, or copies of two stores, no writer ever wrote.
Result<const Superblock*> newest_of(SlotCopies copies, Slot slot, std::string_view path) {
  const Superblock* newest = nullptr;
  for (const DecodedSuperblock& copy : copies) {
    if (copy.state != CopyState::valid) continue;
    const Superblock& candidate = copy.superblock;
    if (newest != nullptr &&
        (candidate.store != newest->store ||
         (candidate.generation == newest->generation && candidate != *newest))) {
      return corrupt("the copies of a superblock contradict each other", path,
                     superblock_page(slot, 0));
    }
    if (newest == nullptr || candidate.generation > newest->generation) newest = &candidate;
  }
  return newest;
}

// Nothing valid in a slot that was written: it may have held the newest generation.
std::unexpected<Error> lost_slot(SlotCopies copies, Slot slot, std::string_view path) {
  const base::PageNumber page = superblock_page(slot, 0);
  const bool unreadable = std::ranges::any_of(
      copies, [](const auto& copy) { return copy.state == CopyState::unreadable; });
  const std::string what = fmt::format("no valid copy of superblock {}: {}; {}", name_of(slot),
                                       to_string(copies[0].state), to_string(copies[1].state));
  if (!unreadable) return corrupt(what, path, page);
  return std::unexpected(
      base::fail(ErrorCode::io, what).path(path).offset(byte_offset(page)).build());
}

// One slot holds something, the other was never written: so it is only while creation goes on.
Result<void> check_unfinished(const Superblock& found, Slot empty, std::string_view path) {
  if (found.generation <= kCreatedGeneration) return {};
  return corrupt("a superblock is all zero in a store that has been written to", path,
                 superblock_page(empty, 0));
}

std::array<bool, kCopies> weak_copies(SlotCopies copies, const Superblock& newest) noexcept {
  std::array<bool, kCopies> weak{};
  for (std::size_t i = 0; i < kCopies; ++i) {
    weak[i] = copies[i].state != CopyState::valid || copies[i].superblock != newest;
  }
  return weak;
}

}  // namespace

Result<SuperblockCopies> read_superblocks(io::File& file, io::Channel& channel) {
  const auto buffer = SILT_TRY(base::AlignedBuffer::allocate(2 * kCopies * kPageBytes));
  SuperblockCopies copies;
  std::optional<Error> error;
  std::size_t unreadable = 0;
  // One by one, so that a bad sector costs one copy.
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const base::PageNumber page{static_cast<std::uint32_t>(i)};
    const base::MutableBytes bytes = buffer.bytes().subspan(i * kPageBytes, kPageBytes);
    const auto read = channel.read_to_end(file, byte_offset(page), bytes);
    if (read) {
      std::ranges::fill(bytes.subspan(*read), std::byte{0});
      copies[i] = decode_superblock(bytes, page);
    } else {
      copies[i].state = CopyState::unreadable;
      error = read.error();
      ++unreadable;
    }
  }
  if (unreadable == copies.size()) return std::unexpected(*error);
  return copies;
}

Result<std::optional<Judgement>> judge(const SuperblockCopies& copies, std::string_view path) {
  SILT_TRY(refuse_foreign_formats(copies, path));
  std::array<const Superblock*, 2> found{};
  for (const Slot slot : {Slot::a, Slot::b}) {
    const SlotCopies of_slot = copies_of(copies, slot);
    const Superblock* const newest = SILT_TRY(newest_of(of_slot, slot, path));
    if (newest == nullptr && !is_zero(of_slot)) return lost_slot(of_slot, slot, path);
    found[static_cast<std::size_t>(slot)] = newest;
  }
  if (found[0] == nullptr && found[1] == nullptr) return std::nullopt;
  if (found[0] == nullptr || found[1] == nullptr) {
    const bool first = found[0] != nullptr;
    SILT_TRY(check_unfinished(first ? *found[0] : *found[1], first ? Slot::b : Slot::a, path));
    return std::nullopt;
  }
  if (found[0]->store != found[1]->store || found[0]->generation == found[1]->generation ||
      found[0]->hash_seed != found[1]->hash_seed) {
    return corrupt("the superblocks contradict each other", path, superblock_page(Slot::a, 0));
  }
  Judgement judgement;
  judgement.slot = found[0]->generation > found[1]->generation ? Slot::a : Slot::b;
  judgement.newest = *found[static_cast<std::size_t>(judgement.slot)];
  judgement.older = *found[static_cast<std::size_t>(other(judgement.slot))];
  judgement.weak = weak_copies(copies_of(copies, judgement.slot), judgement.newest);
  judgement.damage = damaged_copies(copies);
  return judgement;
}

std::vector<Damage> damaged_copies(const SuperblockCopies& copies) {
  std::vector<Damage> damage;
  const bool untouched =
      std::ranges::all_of(copies, [](const auto& copy) { return copy.state == CopyState::zero; });
  if (untouched) return damage;
  for (const Slot slot : {Slot::a, Slot::b}) {
    for (std::size_t i = 0; i < kCopies; ++i) {
      const CopyState state = copies_of(copies, slot)[i].state;
      if (state == CopyState::valid) continue;
      damage.push_back({superblock_page(slot, i), fmt::format("superblock {}, copy {}: {}",
                                                              name_of(slot), i, to_string(state))});
    }
  }
  return damage;
}

}  // namespace siltstone::page
