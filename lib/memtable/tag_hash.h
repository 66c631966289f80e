// From the hash of a key to its record, in one cache line: buckets of ten 16-bit tags, each with
// the offset of a record. A key that is not there is known absent without touching any record.
//
// A bucket belongs to a segment of 64 buckets; a directory tells the segment by the first `depth`
// bits of a hash. The directory is made once, for the most keys that the arena can hold, but at
// first many entries of it share a segment: a segment splits when it is five eighths full.
// (Extendible hashing, Fagin et al. 1979, with a directory of fixed size.)
//
//   hash   | directory: shared depth, then splits | bucket, 6 bits | ...
//                                    | tag: 16 bits from the first split bit on |
//
// So a tag holds the bits that splits go by, and splitting touches no record.
//
// Splitting copies the upper half to a new segment, then swings the directory entries to it, and
// leaves the copied slots in the old segment, as garbage that later keys overwrite. Readers never
// wait: whoever finds its record, found it. Whoever does not, looks at the directory again: with
// the same segment there, nothing it looked for was ever overwritten.
//
// Invariants:
// 1. A key is in the segment that its directory entry leads to, in its home bucket or in one of the
//    next Bucket::kMaxDistance, and all before that one are overflowed.
// 2. Or it is nowhere, and all of these are overflowed: then a search that finds nothing says that
//    it is `unsure`, and the tree knows. So nothing can fail, whatever the hashes, and however
//    little memory is left for splits.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/arena.h"
#include "memtable/bucket.h"
#include "memtable/record.h"
#include "memtable/seqlock.h"

namespace siltstone::memtable {

/// Thread-safe but for insert(), which one thread at a time may call, beside any number of readers.
class TagHash {
 public:
  /// What a hash leads to.
  struct Found {
    Offset record = 0;    ///< 0: none.
    bool unsure = false;  ///< With none: there may be one nevertheless.
  };

  static constexpr unsigned kSegmentBuckets = 64;
  using Segment = std::array<Bucket, kSegmentBuckets>;
  static constexpr unsigned kSplitAt = kSegmentBuckets * Bucket::kSlots * 5 / 8;
  /// The most that splits take for each insertion; what is beyond is not split.
  static constexpr std::size_t kBytesPerInsert = 22;
  static_assert(sizeof(Segment) < kBytesPerInsert * kSplitAt / 2);  // for halves, and some more

  /// The depths of a hash for at most `keys` keys.
  struct Shape {
    unsigned depth = 0;         ///< Bits that the directory goes by: 1 to 24.
    unsigned shared_depth = 0;  ///< Of these, the bits that tell segments apart at first.

    [[nodiscard]] static Shape for_keys(std::size_t keys) noexcept;
    /// What the directory takes, and the segments there are at first.
    [[nodiscard]] std::size_t fixed_bytes() const noexcept;
  };

  /// An empty hash in `arena`, which it borrows, and which has the shape's fixed_bytes() left.
  TagHash(base::Arena& arena, Shape shape) noexcept;
  TagHash(const TagHash&) = delete;
  TagHash& operator=(const TagHash&) = delete;
  ~TagHash() = default;

  /// Adds a record. Requires that kBytesPerInsert are left for it in the arena.
  void insert(std::uint64_t hash, Offset record) noexcept;

  /// The first record of this hash that `matches(record)` accepts. Others of another hash are
  /// offered too, but rarely.
  template <typename Matches>
  [[nodiscard]] Found find(std::uint64_t hash, const Matches& matches) const noexcept;

  /// Asks the cache for the line that find() begins with.
  void prefetch(std::uint64_t hash) const noexcept {
    const Offset segment = directory_[index_of(hash)].load(std::memory_order_acquire);
    if (segment != 0) __builtin_prefetch(&segment_at(segment)[home_of(hash)]);
  }
  /// Calls `use(record)` for each record whose tag is that of the hash, in its home bucket only.
  template <typename Use>
  void for_candidates(std::uint64_t hash, const Use& use) const noexcept;

  /// Bytes of the directory and of all segments.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }

 private:
  // The writer's notes on a segment, at the first directory entry that leads to it.
  struct Note {
    std::uint16_t live;  // keys, without garbage
    std::uint8_t depth;
    bool lacks_keys;  // for some there was no room
  };

  [[nodiscard]] std::size_t index_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash >> (64 - shape_.depth));
  }
  [[nodiscard]] unsigned home_of(std::uint64_t hash) const noexcept {
    return static_cast<unsigned>(hash << (shape_.shared_depth + kTagBits) >> (64 - 6));
  }
  [[nodiscard]] std::uint16_t tag_of(std::uint64_t hash) const noexcept {
    return static_cast<std::uint16_t>(hash << shape_.shared_depth >> (64 - kTagBits));
  }
  [[nodiscard]] Segment& segment_at(Offset offset) const noexcept {
    return *reinterpret_cast<Segment*>(arena_.at(offset));
  }
  [[nodiscard]] std::size_t entries_of(unsigned depth) const noexcept {
    return std::size_t{1} << (shape_.depth - depth);
  }
  [[nodiscard]] std::size_t first_entry(std::size_t index) const noexcept;
  [[nodiscard]] TagMask members_of(std::size_t first, unsigned depth) const noexcept;

  [[nodiscard]] Offset make_segment() noexcept;
  [[nodiscard]] bool has_room_for_segment() const noexcept;
  [[nodiscard]] bool split(std::size_t first) noexcept;
  static void copy_members(const Segment& from, Segment& to, TagMask members, Note& note) noexcept;
  static bool put(Segment& segment, unsigned home, std::uint16_t tag, Offset record,
                  TagMask members) noexcept;

  base::Arena& arena_;
  const Shape shape_;
  std::atomic<Offset>* directory_;  // 0: no key yet
  Note* notes_;
  std::size_t inserted_ = 0;
  std::size_t segments_ = 0;
  std::atomic<std::size_t> bytes_{0};

  static constexpr unsigned kTagBits = 16;
};

template <typename Matches>
TagHash::Found TagHash::find(std::uint64_t hash, const Matches& matches) const noexcept {
  const std::atomic<Offset>& entry = directory_[index_of(hash)];
  const std::uint16_t tag = tag_of(hash);
  Offset offset = entry.load(std::memory_order_acquire);
  while (offset != 0) {
    base::yield_point("memtable: segment found");
    const Segment& segment = segment_at(offset);
    unsigned probes = 0;
    for (; probes <= Bucket::kMaxDistance; ++probes) {
      const Bucket& bucket = segment[(home_of(hash) + probes) % kSegmentBuckets];
      const std::uint32_t state = bucket.state.load(std::memory_order_acquire);
      for (unsigned hits = bucket.hits(state, tag); hits != 0; hits &= hits - 1) {
        const auto slot = static_cast<std::size_t>(std::countr_zero(hits));
        const Offset record = bucket.records[slot].load(std::memory_order_acquire);
        if (matches(record)) return {.record = record};
      }
      if (!Bucket::overflowed(state)) break;
    }
    base::yield_point("memtable: not found");
    fence(std::memory_order_acquire);
    const Offset now = entry.load(std::memory_order_acquire);
    if (now == offset) return {.unsure = probes > Bucket::kMaxDistance};
    offset = now;
  }
  return {};
}

template <typename Use>
void TagHash::for_candidates(std::uint64_t hash, const Use& use) const noexcept {
  const Offset segment = directory_[index_of(hash)].load(std::memory_order_acquire);
  if (segment == 0) return;
  const Bucket& bucket = segment_at(segment)[home_of(hash)];
  const std::uint32_t state = bucket.state.load(std::memory_order_acquire);
  for (unsigned hits = bucket.hits(state, tag_of(hash)); hits != 0; hits &= hits - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(hits));
    use(bucket.records[slot].load(std::memory_order_acquire));
  }
}

}  // namespace siltstone::memtable
