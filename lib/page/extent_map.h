// Who owns which pages: a pure structure, derived at open from the extents of the catalog, never
// stored. Since free space is what nobody owns, nothing can leak.
//
// Invariants:
// 1. Every page from kHeaderPages to file_pages() is in exactly one extent that is live or pending,
//    or in exactly one free run. All of them are whole units.
// 2. Live: given out by allocate(), or in use by the newest generation. Pending: no longer used by
//    the newest generation, but by one that a power cut, a version or a lease may still need.
// 3. A free run is backed, or not. Backed runs have blocks on the disk and may be given out. Others
//    were punched, or nobody knows: they must be allocated in the file system before.
//
// What throws std::bad_alloc has changed nothing. What ends a commit does not throw: it is given
// its memory in advance, as Room.
//
// Allocation takes the first fit by address: it keeps the front of the file dense and its end free
// to be cut off. See docs/decisions/0006-extents-by-first-fit.md.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <siltstone/error.h>

#include "base/ids.h"
#include "io/clock.h"
#include "page/extent.h"

namespace siltstone::page {

/// Who asks for pages. The reserve lets memtables, deletes and merges go on when the disk is full.
enum class Claim : std::uint8_t {
  ordinary,  ///< Leaves the reserve as it is.
  reserved,  ///< May use the reserve: flushes, merges that free space, catalogs.
};

/// Whether free pages have blocks on the disk.
enum class Backing : std::uint8_t {
  backed,
  unknown,  ///< Found at open in a file with holes.
  punched,
};

/// A stretch that the file system should back with blocks, before it is given to add().
struct Growth {
  base::PageNumber first;
  std::uint32_t pages = 0;
  bool extends_file = false;  ///< Ends beyond file_pages().

  friend bool operator==(const Growth&, const Growth&) = default;
};

/// How much of the file is what, in pages.
struct Usage {
  std::uint32_t file = 0;  ///< Whole file, with the header.
  std::uint32_t live = 0;
  std::uint32_t pending = 0;
  std::uint32_t backed = 0;    ///< Free, with blocks.
  std::uint32_t unbacked = 0;  ///< Free, without or unknown.
};

class ExtentMap {
  struct Run {
    std::uint32_t pages = 0;
    Backing backing = Backing::backed;
    io::Time since{};  // when its youngest part became free
  };
  using Runs = std::map<std::uint32_t, Run>;

 public:
  /// Memory taken in advance.
  class Room {
    friend class ExtentMap;
    Runs runs_;
  };

  /// A map for a file of `file_pages` (rounded down to units) in which `live` is in use and all
  /// else is free with this backing. `corruption` when extents are implausible, overlap or lie
  /// outside.
  [[nodiscard]] static Result<ExtentMap> derive(std::span<const Extent> live,
                                                std::uint64_t file_pages, Backing backing,
                                                io::Time now);

  ExtentMap() = default;

  // Giving out and taking back.

  /// A live extent of at least this many pages, rounded up to units; nothing when no backed run is
  /// long enough, or the reserve would be touched. REQUIRES: 0 < pages <= kMaxExtentPages.
  [[nodiscard]] std::optional<Extent> allocate(std::uint32_t pages, Claim claim);
  /// Frees a live extent at once: nothing durable may refer to it.
  void release(Extent extent, io::Time now);
  void release(Extent extent, io::Time now, Room& room) noexcept;
  /// Frees the end of a live extent; keeps at least `pages`, and returns what is left.
  [[nodiscard]] Extent trim(Extent extent, std::uint32_t pages, io::Time now);
  /// Room for so many retire(), each used once, and the reclaim() after them; or for a release().
  [[nodiscard]] Room make_room(std::size_t retirements);
  /// A live extent is no longer used since generation `freed_by`. REQUIRES: room was made for it.
  void retire(Extent extent, base::Generation freed_by) noexcept;
  /// Marks a free extent pending, as retire() does a live one: what an older generation holds at
  /// open. `corruption` when it is not free.
  [[nodiscard]] Result<void> hold(Extent extent, base::Generation freed_by);
  /// Frees pending extents that nobody needs: freed by a generation older than the newest durable
  /// one, and not newer than the oldest that a version or lease still uses.
  void reclaim(base::Generation durable, base::Generation oldest_needed, io::Time now);
  void reclaim(base::Generation durable, base::Generation oldest_needed, io::Time now,
               Room& room) noexcept;

  [[nodiscard]] bool is_live(const Extent& extent) const noexcept;
  /// The live extent that holds this page.
  [[nodiscard]] std::optional<Extent> find_live(base::PageNumber page) const noexcept;

  // Growing.

  /// What to back so that allocate(pages, claim) can succeed: the rest of a run that has no blocks,
  /// or else the end of the file. Nothing when the file would be too long. With `generous`, a
  /// growing file grows ahead of need by max(1 MiB, an eighth), at most 256 MiB.
  [[nodiscard]] std::optional<Growth> plan_growth(std::uint32_t pages, Claim claim,
                                                  bool generous) const;
  /// The stretch now has blocks.
  void add(const Growth& growth, io::Time now);

  /// Pages kept back for Claim::reserved. What is missing, plan_reserve() tells.
  void set_reserve(std::uint32_t pages) noexcept { reserve_ = pages; }
  [[nodiscard]] std::uint32_t reserve() const noexcept { return reserve_; }
  /// What to back next, at most 1 MiB, until the reserve is whole; nothing when it is.
  [[nodiscard]] std::optional<Growth> plan_reserve() const;

  // Giving back to the file system.

  /// Free runs to punch: free for over 60 s, at least 1 MiB, and only what is over a quarter of the
  /// live pages and over the reserve; from the end of the file.
  [[nodiscard]] std::vector<Extent> plan_punch(io::Time now) const;
  /// These pages of a free run have no blocks any more.
  void punched(Extent extent, io::Time now);
  /// The length to which the file can be cut, under the same conditions; nothing when none.
  [[nodiscard]] std::optional<std::uint32_t> plan_cut(io::Time now) const;
  /// The file now ends here. REQUIRES: only free pages were behind it.
  void cut(std::uint32_t file_pages);

  [[nodiscard]] std::uint32_t file_pages() const noexcept { return usage_.file; }
  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }
  /// The page behind the last one that is live or pending; kHeaderPages when none is.
  [[nodiscard]] std::uint32_t used_end() const noexcept;
  /// All extents of a kind in ascending order, for reports and checks.
  [[nodiscard]] std::vector<Extent> live() const;
  [[nodiscard]] std::vector<Extent> pending() const;
  [[nodiscard]] std::vector<Extent> free() const;
  /// Recounts everything: true while the invariants hold.
  [[nodiscard]] bool is_consistent() const;

 private:
  struct Pending {
    Extent extent;
    base::Generation freed_by;
  };

  [[nodiscard]] static Room room_for(std::size_t runs);
  void insert_free(std::uint32_t first, Run run, Room& room) noexcept;
  /// Cuts [first, first + pages) out of the free runs that cover it.
  void remove_free(std::uint32_t first, std::uint32_t pages);
  [[nodiscard]] bool is_free(const Extent& extent) const noexcept;
  [[nodiscard]] std::uint32_t& count_of(Backing backing) noexcept;
  [[nodiscard]] std::uint32_t surplus() const noexcept;

  Runs runs_;                                    // free, by first page
  std::map<std::uint32_t, std::uint32_t> live_;  // first page -> pages
  std::vector<Pending> pending_;
  std::uint32_t reserve_ = 0;
  Usage usage_;
};

}  // namespace siltstone::page
