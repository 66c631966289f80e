// The memory of the block cache: one mapping in slabs, each cut into frames of one size.
//
//   slab  | CacheEntry of frame 0, 1, .. | pad to 4 KiB | frame 0 | frame 1 | .. |
//
// Invariants:
// 1. A slab is vacant or belongs to one size class; it becomes vacant with its last frame, and any
//    class may have it then. So frames of a size are had in constant time, and no memory is lost
//    between sizes for longer than a slab takes to be emptied.
// 2. A vacant slab is resident, if it was used since the beginning, or costs no memory yet.
// 3. Of the mapping, only slabs of a class and resident vacant ones take memory.
// Frames are multiples of 4 KiB and begin at such in memory; behind the last one 64 bytes may be
// read. The mapping lies in huge pages where the kernel gives them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "table/cache_entry.h"

namespace siltstone::table {

/// The largest frame that lies in a slab.
inline constexpr std::size_t kMaxSlabFrameBytes = std::size_t{64} << 10;

/// Not thread-safe, but for contains(), entry_of() and populate().
class FrameSlabs {
 public:
  /// As many slabs as fit into `bytes`, none of them resident: 2 MiB each, less where there is
  /// little. `out_of_memory`.
  [[nodiscard]] static Result<FrameSlabs> create(std::size_t bytes, base::PageKind kind);

  /// A free frame of its size class, or nothing: then assign() another slab to the class.
  [[nodiscard]] CacheEntry* take(std::size_t pages) noexcept;
  /// REQUIRES: nobody knows of the frame any more.
  void give_back(CacheEntry& frame) noexcept;
  [[nodiscard]] bool has_free(std::size_t pages) const noexcept {
    return classes_[pages - 1] != kNone;
  }

  /// Makes a vacant slab one of this class, a resident one if there is one; one that costs memory
  /// only with `may_grow`. False when there is none.
  [[nodiscard]] bool assign(std::size_t pages, BlockCache* cache, bool may_grow) noexcept;
  /// Gives the memory of a resident vacant slab back to the kernel. False when there is none.
  bool discard_one() noexcept;
  /// Takes away a vacant slab without memory, which counts as resident from then on, for populate()
  /// to bring it into memory and admit() to make it vacant again.
  [[nodiscard]] std::optional<std::uint32_t> withdraw() noexcept;
  void populate(std::uint32_t slab) noexcept;
  void admit(std::uint32_t slab) noexcept { resident_.push_back(slab); }

  [[nodiscard]] bool contains(const void* address) const noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(memory_.data());
    return reinterpret_cast<std::uintptr_t>(address) - begin < slabs_.size() * slab_bytes_;
  }
  // REQUIRE: contains(data), and a frame in use begins there.
  [[nodiscard]] CacheEntry& entry_of(const std::byte* data) const noexcept;
  [[nodiscard]] std::byte* data_of(const CacheEntry& frame) const noexcept;
  /// The entries of all frames that the frame's slab has had in use since it has its class; those
  /// that are free have no pin and no hold.
  [[nodiscard]] std::span<CacheEntry> neighbours(const CacheEntry& frame) const noexcept;

  [[nodiscard]] std::size_t slab_bytes() const noexcept { return slab_bytes_; }
  [[nodiscard]] std::size_t resident_bytes() const noexcept {
    return (slabs_.size() - absent_.size()) * slab_bytes_;
  }
  /// Whether assign() would succeed.
  [[nodiscard]] bool has_vacant(bool may_grow) const noexcept {
    return !resident_.empty() || (may_grow && !absent_.empty());
  }
  /// In free frames of all classes.
  [[nodiscard]] std::size_t free_bytes() const noexcept { return free_pages_ * kFramePageBytes; }
  /// Some frame of the slab whose frames in use are the least part of it; null when none is free.
  [[nodiscard]] const CacheEntry* sparsest() const noexcept;
  [[nodiscard]] bool huge() const noexcept { return memory_.huge(); }

 private:
  class Frame;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kClasses = kMaxSlabFrameBytes / kFramePageBytes;

  struct Slab {
    std::uint32_t pages = 0;     // of each frame
    std::uint32_t capacity = 0;  // frames
    std::uint32_t fresh = 0;     // those from here on were never in use
    std::uint32_t used = 0;
    std::uint32_t offset = 0;  // bytes, of the first frame
    CacheEntry* free = nullptr;
    std::uint32_t next = kNone;  // in the list of those of its class with a free frame
    std::uint32_t previous = kNone;
  };

  FrameSlabs(base::AlignedBuffer memory, std::size_t slab_bytes, std::size_t count);
  [[nodiscard]] std::uint32_t slab_of(const void* address) const noexcept;
  [[nodiscard]] std::byte* slab_begin(std::uint32_t slab) const noexcept {
    return memory_.data() + slab * slab_bytes_;
  }
  [[nodiscard]] Frame* entries(std::uint32_t slab) const noexcept;
  void link(std::uint32_t slab) noexcept;
  void unlink(std::uint32_t slab) noexcept;

  base::AlignedBuffer memory_;
  std::size_t slab_bytes_;
  std::vector<Slab> slabs_;
  std::array<std::uint32_t, kClasses> classes_;  // the first slab with a free frame
  std::vector<std::uint32_t> resident_;          // vacant; both have room for all slabs
  std::vector<std::uint32_t> absent_;
  std::size_t free_pages_ = 0;
};

}  // namespace siltstone::table
