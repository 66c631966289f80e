// The segment slots of a log: the files in wal/ and their headers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "io/complete.h"
#include "io/storage.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

/// Why a header copy does not count; static text, empty for a valid one.
[[nodiscard]] const char* reason(HeaderState state) noexcept;

/// A file whose name is a slot number.
struct Slot {
  std::string name;
  std::string path;  ///< For messages.
  std::uint64_t size_bytes = 0;
  std::array<DecodedSegmentHeader, 2> copies;
  bool has_frames = false;  ///< The block behind the headers is not all zeros.

  /// The header that counts: of two valid copies the newer one; null if there is none.
  [[nodiscard]] const SegmentHeader* header() const noexcept;
  /// Both copies are zeros, and no frames follow them: nothing was ever written.
  [[nodiscard]] bool is_unused() const noexcept;
};

/// All of wal/.
struct Slots {
  std::vector<Slot> slots;
  std::vector<std::string> unfinished;  ///< `N.new`: creations that did not end.
  /// The newest segment, kept open: it is the only one that a writer may remove meanwhile.
  std::unique_ptr<io::File> newest;
};

/// Most slots that a log grows to by itself. An open makes one more if it must.
inline constexpr std::size_t kMaxSlots = 64;

/// What the names in wal/ tell.
struct SlotNames {
  std::size_t slots = 0;          ///< Files whose name is a slot number.
  std::uint64_t free_number = 0;  ///< The lowest that no name begins with.
};
[[nodiscard]] Result<SlotNames> list_slots(io::Directory& wal);

/// Opens a slot for transfers of whole blocks: direct where the file system can do that with blocks
/// of ours, buffered otherwise.
[[nodiscard]] Result<std::unique_ptr<io::File>> open_slot(io::Directory& wal, std::string_view name,
                                                          io::OpenOptions options);

/// Reads the headers of every slot. Errors: those of I/O; unsupported when a header is of a newer
/// format; corruption when two slots hold one segment, or a segment of another store.
[[nodiscard]] Result<Slots> read_slots(io::Directory& wal, io::Channel& channel, bool read_only);

}  // namespace siltstone::wal
