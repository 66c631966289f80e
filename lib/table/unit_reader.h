// Reads the units of one table: from a place to a checked payload.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "io/complete.h"
#include "page/page_file.h"
#include "page/page_reader.h"
#include "table/sector.h"
#include "table/stored_unit.h"
#include "table/table_space.h"

namespace siltstone::table {

/// Thread-bound, as its channel. Keeps its memory from one unit to the next.
class UnitReader {
 public:
  /// Borrows all, which outlive it. `out_of_memory`.
  [[nodiscard]] static Result<std::unique_ptr<UnitReader>> make(page::PageFile& file,
                                                                io::Channel& channel,
                                                                const Placement& placement,
                                                                base::TableId table);

  /// The payload of the unit there, decompressed; valid until the next call. An error names the
  /// file and the offset in it: `corruption` also when the place is not in the table. Throws only
  /// std::bad_alloc.
  [[nodiscard]] Result<base::Bytes> read(SectorRange place, UnitType type);
  /// Sectors as they are, checked by nobody; likewise.
  [[nodiscard]] Result<base::Bytes> read_sectors(SectorRange place);

  /// Where a sector lies in the file, for messages. REQUIRES: it is in the table.
  [[nodiscard]] std::uint64_t file_offset(std::uint32_t sector) const noexcept;

 private:
  UnitReader(page::PageFile& file, const Placement& placement, base::TableId table,
             std::unique_ptr<page::PageReader> reader) noexcept
      : file_(file), placement_(placement), table_(table), reader_(std::move(reader)) {}

  [[nodiscard]] Error at_place(const Error& error, std::uint32_t sector) const;

  page::PageFile& file_;
  const Placement& placement_;
  const base::TableId table_;
  const std::unique_ptr<page::PageReader> reader_;
  base::AlignedBuffer pages_;
  std::vector<page::ReadRange> ranges_;
  std::vector<std::byte> payload_;
};

}  // namespace siltstone::table
