// The newest entries of a store, in memory and in order: every version of every key.
//
// Records lie in one bounded arena; a B+tree (tree.h) orders them, a tag hash (tag_hash.h) finds
// them by key. A write is staged first: memory for all that it may need is reserved, and its
// records are written where they will stay, by any thread and without a lock. Linking then gives it
// its sequences and cannot fail.
//
// Invariants:
// 1. Everything a reader can reach stays as it is while the memtable lives; only `newest` of a
//    record moves on. Views of keys and values live as long as the memtable.
// 2. A record is in the tree before it is in the hash, and has its version before both. So a reader
//    who misses it in either came with an older sequence.
// 3. What was promised at the back of the arena and not taken back covers all that the index takes
//    for the writes staged and linked so far; Tree::kBytesPerInsert and TagHash::kBytesPerInsert
//    say how much that is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <siltstone/error.h>

#include "base/arena.h"
#include "base/ids.h"
#include "memtable/key.h"
#include "memtable/record.h"
#include "memtable/tag_hash.h"
#include "memtable/tree.h"

namespace siltstone::memtable {

/// What one version of a key says. Views live as long as the memtable.
struct Entry {
  Kind kind = Kind::value;
  base::Sequence sequence;
  std::int64_t expiry = 0;      ///< Milliseconds of wall clock since 1970; with value_with_expiry.
  std::string_view value = {};  ///< Empty with erase.
};

/// Thread-safe, but for link(): one thread at a time.
class Memtable {
 public:
  class Staged;

  /// The smallest arena that makes sense.
  static constexpr std::size_t kMinBytes = std::size_t{64} << 10;

  /// An empty one in an arena of `pool`, which it gives back at its end. `hash_seed` is secret and
  /// may differ from memtable to memtable. Errors: those of Arena::create(); invalid_argument when
  /// the pool's arenas have less than kMinBytes. Throws only std::bad_alloc.
  [[nodiscard]] static Result<std::unique_ptr<Memtable>> create(
      std::shared_ptr<base::ArenaPool> pool, std::uint64_t hash_seed);
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;
  /// REQUIRES: nothing is staged any more.
  ~Memtable();

  /// Puts the entries at the sequences from `first` on, in the order they were staged. Requires
  /// that these are greater than all linked before. Readers at smaller sequences do not see them.
  void link(Staged&& staged, base::Sequence first) noexcept;

  /// Asks the cache for what staging and linking these keys will need: worth it for some tens of
  /// them, right before. For the thread that links.
  void prefetch(std::span<const Key> keys) const noexcept;

  /// What the newest version of `key` at or below sequence `at` says; nothing when there is none.
  /// Everything up to `at` must have been linked.
  [[nodiscard]] std::optional<Entry> get(const Key& key, base::Sequence at) const noexcept;
  /// The same for many keys: several times faster, since their cache misses overlap. `entries` has
  /// as many elements as `keys`.
  void get_batch(std::span<const Key> keys, base::Sequence at,
                 std::span<std::optional<Entry>> entries) const noexcept;

  struct Usage {
    std::size_t capacity = 0;  ///< Bytes of the arena.
    std::size_t reserved = 0;  ///< Of these, taken or promised: full when nothing more fits.
    std::size_t records = 0;   ///< Bytes of keys, values and their headers.
    std::size_t index = 0;     ///< Bytes of tree and hash.
    std::size_t keys = 0;      ///< Different keys linked.
  };
  [[nodiscard]] Usage usage() const noexcept;

  /// Brings the memory of the next `bytes` of records in, so that writes need not. For background
  /// steps; staging does it in small portions where nobody did.
  void prefault(std::size_t bytes) noexcept { arena_.prefault(bytes); }

 private:
  friend class Cursor;

  Memtable(std::shared_ptr<base::ArenaPool> pool, base::Arena arena, TagHash::Shape shape,
           std::uint64_t hash_seed) noexcept;

  [[nodiscard]] Offset find(const Key& key, std::uint64_t hash) const noexcept;
  [[nodiscard]] std::optional<Entry> entry_of(Offset record, base::Sequence at) const noexcept;
  void link_record(Offset record, Offset version) noexcept;
  void link_new(Offset record, Offset version, std::uint64_t hash,
                const Tree::Path* path = nullptr) noexcept;
  void link_version(Record& record, Offset version) noexcept;

  const std::shared_ptr<base::ArenaPool> pool_;
  const std::uint64_t hash_seed_;
  base::Arena arena_;
  TagHash tags_;
  Tree tree_;
  // Written by link() alone.
  std::atomic<std::uint64_t> linked_{0};  // operations, all of which are in place
  std::atomic<std::size_t> keys_{0};
};

/// The entries of one write, in the arena, ready to be linked: made before its sequences are known.
/// Thread-bound. It borrows the memtable. What is not linked is forgotten, and its memory is the
/// memtable's again where nothing was staged behind it.
class Memtable::Staged {
 public:
  explicit Staged(Memtable& memtable) noexcept : memtable_(&memtable) {}
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;
  ~Staged();

  /// Adds one operation. False when the memtable has no room for it: nothing is changed then.
  /// `expiry` is in milliseconds of wall clock since 1970.
  [[nodiscard]] bool put(const Key& key, std::string_view value) noexcept;
  [[nodiscard]] bool put(const Key& key, std::string_view value, std::int64_t expiry) noexcept;
  [[nodiscard]] bool erase(const Key& key) noexcept;

  /// Operations staged: the sequences that linking takes.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  friend class Memtable;

  [[nodiscard]] bool add(const Key& key, Kind kind, std::string_view value,
                         std::int64_t expiry) noexcept;
  void own(Offset piece, std::size_t bytes) noexcept;
  void push(Offset version) noexcept;

  Memtable* memtable_;
  Offset first_ = 0;  // versions, chained by `older`
  Offset last_ = 0;
  std::size_t count_ = 0;
  std::size_t index_bytes_ = 0;  // promised for tree and hash
  // What it has of the arena's front: from here on, so many bytes; 0 when others have some between.
  Offset begin_ = 0;
  std::size_t bytes_ = 0;
  // When nothing else was linked meanwhile, the only key of a write need not be looked for again.
  std::uint64_t hash_ = 0;  // of the last key
  std::uint64_t linked_before_ = 0;
  bool has_path_ = false;
  Tree::Path path_;  // of the last key; what it is made of means nothing without one
};

}  // namespace siltstone::memtable
