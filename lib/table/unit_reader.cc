// One unit: read the pages that hold it, check it, decompress it.
#include "table/unit_reader.h"

#include <utility>

#include "base/error.h"
#include "base/place_error.h"
#include "base/try.h"

namespace siltstone::table {

Result<std::unique_ptr<UnitReader>> UnitReader::make(page::PageFile& file, io::Channel& channel,
                                                     const Placement& placement,
                                                     base::TableId table) {
  auto reader = SILT_TRY(page::PageReader::make(file.file(), channel, file.meter()));
  return std::unique_ptr<UnitReader>(new UnitReader(file, placement, table, std::move(reader)));
}

Result<base::Bytes> UnitReader::read(SectorRange place, UnitType type) {
  const base::Bytes unit = SILT_TRY(read_sectors(place));
  const auto view = check_unit(unit, table_, place.first, type);
  if (!view) return std::unexpected(at_place(view.error(), place.first));
  if (view->codec == base::Codec::none) return view->stored;
  if (payload_.size() < view->raw_bytes) payload_.resize(view->raw_bytes);
  const auto out = std::span(payload_).first(view->raw_bytes);
  if (auto done = decompress_unit(*view, out); !done) {
    return std::unexpected(at_place(done.error(), place.first));
  }
  return out;
}

// Whole pages: direct I/O can do no less.
Result<base::Bytes> UnitReader::read_sectors(SectorRange place) {
  const std::uint64_t first = place.first / kSectorsPerPage;
  const std::uint64_t end = (place.end() + kSectorsPerPage - 1) / kSectorsPerPage;
  if (place.count == 0 || end > placement_.pages()) {
    return base::fail(ErrorCode::corruption, "a place in a table lies outside of it")
        .path(file_.file().path())
        .mismatch(placement_.pages() * kSectorsPerPage, place.end());
  }
  const std::size_t bytes = (end - first) * page::kPageBytes;
  if (pages_.size() < bytes) pages_ = SILT_TRY(base::AlignedBuffer::allocate(bytes));
  ranges_.clear();
  placement_.append_reads(first, pages_.bytes().first(bytes), ranges_);
  for (const Result<void>& result : reader_->read(ranges_)) {
    if (!result) return std::unexpected(result.error());
  }
  const std::size_t begin = place.first % kSectorsPerPage * kSectorBytes;
  return pages_.bytes().subspan(begin, place.bytes());
}

std::uint64_t UnitReader::file_offset(std::uint32_t sector) const noexcept {
  return page::byte_offset(placement_.page_at(sector / kSectorsPerPage)) +
         sector % kSectorsPerPage * kSectorBytes;
}

Error UnitReader::at_place(const Error& error, std::uint32_t sector) const {
  return base::at_place(error, file_.file().path(), file_offset(sector));
}

}  // namespace siltstone::table
