// What a page file says of itself: the newest generation, read and checked, and a verdict on all
// the rest. Writes nothing; open, verify, attached readers and tools all begin here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "io/complete.h"
#include "io/storage.h"
#include "page/superblock.h"

namespace siltstone::page {

/// A catalog read from the file, with the memory it lives in.
struct LoadedCatalog {
  base::AlignedBuffer buffer;
  Catalog catalog;  ///< Its payload is a view of `buffer`.
};

struct PageState {
  Judgement superblocks;
  LoadedCatalog newest;
  /// Every extent of the older generation, its catalog too, that the newest one does not use: they
  /// must stay as they are until the other slot is overwritten. Ascending. Empty when the older
  /// catalog is damaged: then there is nothing left to protect.
  std::vector<Extent> held;
  std::uint64_t file_pages = 0;  ///< Whole pages of the file as it is now.
  std::vector<Damage> damage;    ///< What is wrong without keeping the newest generation away.
};

/// Reads and checks the catalog that a superblock names. `corruption` with path and offset, also
/// when the file is too short for it.
[[nodiscard]] Result<LoadedCatalog> load_catalog(io::File& file, io::Channel& channel,
                                                 const Superblock& superblock);

/// Nothing, when creation never finished. Never an older state: see superblock.h.
[[nodiscard]] Result<std::optional<PageState>> load_state(io::File& file, io::Channel& channel);

struct Verification {
  base::Generation generation;  ///< Newest of any slot; 0 when none counts.
  std::vector<Damage> damage;   ///< Every damaged superblock copy and catalog.
  std::optional<Error> error;   ///< Why the file would not open; none if it would.
};

/// Names everything wrong with superblocks and catalogs, and goes on where opening would end. On a
/// store that is being written to it starts over when a commit came between, so that there is no
/// false alarm. An error only when the file's superblocks cannot be read at all.
[[nodiscard]] Result<Verification> verify(io::File& file, io::Channel& channel);

}  // namespace siltstone::page
