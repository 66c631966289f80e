// Insertion and growth.
#include "memtable/tag_hash.h"

#include <algorithm>
#include <new>

#include "base/assert.h"
#include "base/yield.h"

namespace siltstone::memtable {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kRelease = std::memory_order_release;

// Each split uses up a bit of the tags: with eight gone, one in 30 misses touches a record.
constexpr unsigned kMaxSplits = 8;
constexpr unsigned kMaxDepth = 24;

}  // namespace

TagHash::Shape TagHash::Shape::for_keys(std::size_t keys) noexcept {
  const auto segments = std::max<std::size_t>(keys / kSplitAt + 1, 2);
  const auto depth = std::min(static_cast<unsigned>(std::bit_width(segments - 1)), kMaxDepth);
  return {depth, depth - std::min(depth, kMaxSplits)};
}

std::size_t TagHash::Shape::fixed_bytes() const noexcept {
  constexpr std::size_t kEntryBytes = sizeof(std::atomic<Offset>) + sizeof(Note);
  constexpr std::size_t kAlignment = 3 * alignof(Segment);
  return (std::size_t{1} << depth) * kEntryBytes + kAlignment +
         (std::size_t{1} << shared_depth) * sizeof(Segment);
}

TagHash::TagHash(base::Arena& arena, Shape shape) noexcept : arena_(arena), shape_(shape) {
  SILT_ASSERT(shape.depth >= 1 && shape.depth <= kMaxDepth);
  SILT_ASSERT(shape.shared_depth <= shape.depth);
  const std::size_t entries = std::size_t{1} << shape.depth;
  const Offset directory = arena_.allocate_back(entries * sizeof(std::atomic<Offset>), 64);
  const Offset notes = arena_.allocate_back(entries * sizeof(Note), 64);
  directory_ = reinterpret_cast<std::atomic<Offset>*>(arena_.at(directory));
  notes_ = reinterpret_cast<Note*>(arena_.at(notes));
  for (std::size_t i = 0; i < entries; ++i) {
    new (directory_ + i) std::atomic<Offset>(0);
    new (notes_ + i) Note{0, static_cast<std::uint8_t>(shape.shared_depth), false};
  }
  bytes_.store(entries * (sizeof(std::atomic<Offset>) + sizeof(Note)), kRelaxed);
}

void TagHash::insert(std::uint64_t hash, Offset record) noexcept {
  const std::size_t index = index_of(hash);
  ++inserted_;
  if (directory_[index].load(kRelaxed) == 0) {
    const std::size_t first = first_entry(index);
    const Offset segment = make_segment();
    for (std::size_t i = 0; i < entries_of(notes_[first].depth); ++i) {
      directory_[first + i].store(segment, kRelease);
    }
  }
  for (;;) {
    const std::size_t first = first_entry(index);
    Note& note = notes_[first];
    if (note.live >= kSplitAt && split(first)) continue;
    const bool fits = put(segment_at(directory_[first].load(kRelaxed)), home_of(hash), tag_of(hash),
                          record, members_of(first, note.depth));
    if (!fits && split(first)) continue;
    note.live = static_cast<std::uint16_t>(note.live + (fits ? 1 : 0));
    note.lacks_keys = note.lacks_keys || !fits;
    return;
  }
}

bool TagHash::put(Segment& segment, unsigned home, std::uint16_t tag, Offset record,
                  TagMask members) noexcept {
  for (unsigned distance = 0; distance <= Bucket::kMaxDistance; ++distance) {
    Bucket& bucket = segment[(home + distance) % kSegmentBuckets];
    const unsigned slot = bucket.free_slot(members);
    if (slot < Bucket::kSlots) {
      bucket.fill(slot, tag, record, distance);
      return true;
    }
    bucket.mark_overflow();
  }
  return false;
}

std::size_t TagHash::first_entry(std::size_t index) const noexcept {
  return index & ~(entries_of(notes_[index].depth) - 1);
}

// The splits so far are the first bits of the tag, and the last of the directory index down to it.
TagMask TagHash::members_of(std::size_t first, unsigned depth) const noexcept {
  const unsigned splits = depth - shape_.shared_depth;
  const auto mask = static_cast<std::uint16_t>(0xffff'0000U >> splits);
  const auto bits =
      static_cast<std::uint16_t>((first >> (shape_.depth - depth)) << (kTagBits - splits));
  return {mask, static_cast<std::uint16_t>(bits & mask)};
}

Offset TagHash::make_segment() noexcept {
  const Offset place = arena_.allocate_back(sizeof(Segment), alignof(Segment));
  new (arena_.at(place)) Segment;
  ++segments_;
  bytes_.store(bytes_.load(kRelaxed) + sizeof(Segment), kRelaxed);
  return place;
}

// Only what the insertions brought: the rest is promised to the tree.
bool TagHash::has_room_for_segment() const noexcept {
  const std::size_t at_first = std::size_t{1} << shape_.shared_depth;
  return (segments_ + 1) * sizeof(Segment) <=
         at_first * sizeof(Segment) + inserted_ * kBytesPerInsert;
}

bool TagHash::split(std::size_t first) noexcept {
  const unsigned depth = notes_[first].depth;
  if (depth == shape_.depth || !has_room_for_segment()) return false;
  const std::size_t half = entries_of(depth + 1);
  const Segment& from = segment_at(directory_[first].load(kRelaxed));
  const Offset upper = make_segment();
  Note& low = notes_[first];
  Note& high = notes_[first + half];
  high = {0, low.depth, low.lacks_keys};
  copy_members(from, segment_at(upper), members_of(first + half, depth + 1), high);
  low.live = static_cast<std::uint16_t>(low.live - high.live);
  for (std::size_t i = first; i < first + 2 * half; ++i) {
    notes_[i].depth = static_cast<std::uint8_t>(depth + 1);
  }
  for (std::size_t i = first + half; i < first + 2 * half; ++i) {
    base::yield_point("memtable: directory swings");
    directory_[i].store(upper, kRelease);
  }
  return true;
}

void TagHash::copy_members(const Segment& from, Segment& to, TagMask members, Note& note) noexcept {
  for (unsigned i = 0; i < kSegmentBuckets; ++i) {
    const std::uint32_t state = from[i].state.load(kRelaxed);
    for (unsigned slot = 0; slot < Bucket::count_of(state); ++slot) {
      const std::uint16_t tag = from[i].tags[slot].load(kRelaxed);
      if (!members.has(tag)) continue;
      const unsigned home = i + kSegmentBuckets - Bucket::distance_of(state, slot);
      const bool fits = put(to, home, tag, from[i].records[slot].load(kRelaxed), members);
      // Unlikely as it is that fewer need more room: a key without one is not lost, see above.
      note.live = static_cast<std::uint16_t>(note.live + (fits ? 1 : 0));
      note.lacks_keys = note.lacks_keys || !fits;
    }
  }
  if (!note.lacks_keys) return;
  // Which are lacking is not known: whatever made a search unsure goes on doing so.
  for (unsigned i = 0; i < kSegmentBuckets; ++i) {
    if (Bucket::overflowed(from[i].state.load(kRelaxed))) to[i].mark_overflow();
  }
}

}  // namespace siltstone::memtable
