// What a version's fields hold between staging and linking: `older` is the next version of the same
// write, and the stamp says where the version belongs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memtable/record.h"
#include "memtable/tag_hash.h"
#include "memtable/tree.h"

namespace siltstone::memtable {

/// What is promised to tree and hash for each staged key that was not found: whole units.
inline constexpr std::size_t kIndexBytesPerKey =
    padded(Tree::kBytesPerInsert + TagHash::kBytesPerInsert);

//   record u32 << 32 | is_new_record u8 << 8 | kind u8
class StagedStamp {
 public:
  explicit StagedStamp(std::uint64_t bits) noexcept : bits_(bits) {}
  /// For a version of `record`, which was staged with it, or else was there.
  StagedStamp(Offset record, bool is_new_record, Kind kind) noexcept
      : bits_(std::uint64_t{record} << 32 | (is_new_record ? 0x100U : 0U) |
              static_cast<std::uint64_t>(kind)) {}

  [[nodiscard]] std::uint64_t bits() const noexcept { return bits_; }
  [[nodiscard]] Offset record() const noexcept { return static_cast<Offset>(bits_ >> 32); }
  [[nodiscard]] bool is_new_record() const noexcept { return (bits_ & 0x100) != 0; }
  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(bits_ & 0xff); }

 private:
  std::uint64_t bits_;
};

}  // namespace siltstone::memtable
