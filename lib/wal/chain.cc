// Follows the headers of segments.
#include "wal/chain.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

/// The slots that hold a segment, by age.
class Segments {
 public:
  explicit Segments(std::span<const Slot> slots) : slots_(slots) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (slots[i].header() != nullptr) by_age_.push_back(i);
    }
    std::ranges::sort(by_age_, {}, [&](std::size_t i) { return header(i).id; });
  }

  [[nodiscard]] const std::vector<std::size_t>& by_age() const noexcept { return by_age_; }
  [[nodiscard]] const SegmentHeader& header(std::size_t slot) const noexcept {
    return *slots_[slot].header();
  }
  [[nodiscard]] std::optional<std::size_t> find(base::SegmentId id) const {
    const auto found =
        std::ranges::lower_bound(by_age_, id, {}, [&](std::size_t i) { return header(i).id; });
    if (found == by_age_.end() || header(*found).id != id) return std::nullopt;
    return *found;
  }
  /// The newest one that continues `id`; 0 finds the first segment.
  [[nodiscard]] std::optional<std::size_t> successor(base::SegmentId id) const {
    std::optional<std::size_t> newest;
    for (const std::size_t i : by_age_) {
      if (header(i).predecessor.segment == id) newest = i;
    }
    return newest;
  }

 private:
  std::span<const Slot> slots_;
  std::vector<std::size_t> by_age_;
};

/// From the newest segment back to the first one; what is missing on the way is damage.
void follow_back(const Segments& segments, std::span<const Slot> slots, Chain& chain) {
  std::size_t at = segments.by_age().back();
  for (;;) {
    chain.counted.push_back(at);
    const base::SegmentId before = segments.header(at).predecessor.segment;
    if (before == base::SegmentId{}) break;
    const auto previous = segments.find(before);
    if (!previous) {
      chain.damage =
          base::fail(ErrorCode::corruption,
                     fmt::format("the segment before it, {}, is missing", before.value()))
              .path(slots[at].path)
              .build();
      return;
    }
    at = *previous;
  }
  std::ranges::reverse(chain.counted);
}

/// From the first segment on, as far as there are successors: what is there before the damage.
Result<void> follow_forward(const Segments& segments, Chain& chain) {
  chain.counted.clear();
  for (auto at = segments.successor({}); at; at = segments.successor(segments.header(*at).id)) {
    chain.counted.push_back(*at);
  }
  if (chain.counted.empty()) return std::unexpected(*chain.damage);
  return {};
}

/// True when `newer` holds what `older` held. A segment that was given up, by an open that was then
/// killed, may have the same predecessor; but the one that took its place ends that one earlier, or
/// goes on with other sequences.
bool is_copy(const SegmentHeader& newer, const SegmentHeader& older) noexcept {
  return newer.id > older.id && newer.predecessor == older.predecessor &&
         newer.first == older.first;
}

/// Sorts the slots that do not count into those that were replaced and those that are lost.
void explain_rest(const Segments& segments, std::span<const Slot> slots, Chain& chain) {
  std::vector<bool> counts(slots.size());
  std::vector<bool> is_replaced(slots.size());
  for (const std::size_t i : chain.counted) counts[i] = true;
  for (const std::size_t i : segments.by_age()) {
    if (counts[i]) continue;
    const base::SegmentId before = segments.header(i).predecessor.segment;
    const auto replaced_by = std::ranges::any_of(chain.counted, [&](std::size_t counted) {
      return is_copy(segments.header(counted), segments.header(i));
    });
    const auto previous = segments.find(before);
    is_replaced[i] = replaced_by || (previous && is_replaced[*previous]);
    (is_replaced[i] ? chain.replaced : chain.given_up).push_back(i);
    if (!is_replaced[i] && !chain.damage) {
      chain.damage = base::fail(ErrorCode::corruption, "the segment is no part of the log")
                         .path(slots[i].path)
                         .build();
    }
  }
}

}  // namespace

Result<Chain> choose_chain(std::span<const Slot> slots) {
  Chain chain;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].header() != nullptr || slots[i].is_unused()) continue;
    chain.given_up.push_back(i);
    const HeaderState state = slots[i].copies[0].state == HeaderState::zero
                                  ? slots[i].copies[1].state
                                  : slots[i].copies[0].state;
    auto error = base::fail(ErrorCode::corruption, reason(state));
    error.path(slots[i].path).offset(0);
    if (state == HeaderState::bad_checksum) {
      error.mismatch(slots[i].copies[0].expected_checksum, slots[i].copies[0].actual_checksum);
    }
    if (!chain.damage) chain.damage = error.build();
  }
  const Segments segments(slots);
  if (segments.by_age().empty()) {
    if (chain.damage) return std::unexpected(*std::move(chain.damage));
    return chain;
  }
  auto header_damage = std::exchange(chain.damage, std::nullopt);
  follow_back(segments, slots, chain);
  if (chain.damage) SILT_TRY(follow_forward(segments, chain));
  explain_rest(segments, slots, chain);
  if (header_damage) chain.damage = std::move(header_damage);
  return chain;
}

}  // namespace siltstone::wal
