// Which superblock counts: the four copies are read and judged together.
//
// The judgement never gives an older state for a newer one. A slot without a valid copy may have
// held the newest generation, so it is corruption, whatever the other slot says; the one exception
// is a slot that was never written, which can only be so while the store is being created.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "io/complete.h"
#include "io/storage.h"
#include "page/page_format.h"

namespace siltstone::page {

/// Something that is not as it should be, at a page, in words for a person: "superblock A, copy 1:
/// bad checksum".
struct Damage {
  base::PageNumber page;
  std::string what;
};

/// The four copies, as they lie in the file: A0, A1, B0, B1.
using SuperblockCopies = std::array<DecodedSuperblock, 2 * kCopies>;

/// Reads all copies. What the file is too short to hold is zero; what the device cannot read is
/// `unreadable`, and an error only when nothing could be read.
[[nodiscard]] Result<SuperblockCopies> read_superblocks(io::File& file, io::Channel& channel);

struct Judgement {
  Superblock newest;
  Slot slot = Slot::a;  ///< That holds it.
  /// Copies of that slot which are invalid or hold another generation: to be replaced before
  /// anything else is written, or a single flip of the other copy would lose the newest generation.
  std::array<bool, kCopies> weak{};
  Superblock older;            ///< What the other slot holds.
  std::vector<Damage> damage;  ///< Invalid copies beside valid ones.
};

/// Nothing, when creation never finished. Errors: `corruption`; `unsupported` for a newer format or
/// an unknown required feature; `io` for a slot that cannot be read. `path` is for messages.
[[nodiscard]] Result<std::optional<Judgement>> judge(const SuperblockCopies& copies,
                                                     std::string_view path);

/// The copies that are neither valid nor, all four, zero. For verify, which goes on where judge()
/// ends.
[[nodiscard]] std::vector<Damage> damaged_copies(const SuperblockCopies& copies);

}  // namespace siltstone::page
