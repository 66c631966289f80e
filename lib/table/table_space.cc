// Laying a table over extents, and finding its pages again.
#include "table/table_space.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::table {
namespace {

/// A table that got longer than expected goes on in extents of an eighth of what it has.
constexpr std::uint64_t kGrowthDivisor = 8;

}  // namespace

Placement::Placement(std::vector<page::Extent> extents) : extents_(std::move(extents)) {
  ends_.reserve(extents_.size());
  std::uint64_t end = 0;
  for (const page::Extent& extent : extents_) ends_.push_back(end += extent.pages);
}

std::size_t Placement::extent_of(std::uint64_t page) const noexcept {
  const auto behind = std::ranges::upper_bound(ends_, page);
  SILT_ASSERT(behind != ends_.end());
  return static_cast<std::size_t>(behind - ends_.begin());
}

base::PageNumber Placement::page_at(std::uint64_t page) const noexcept {
  const std::size_t i = extent_of(page);
  const std::uint64_t from_end = ends_[i] - page;
  return extents_[i].first + (extents_[i].pages - static_cast<std::uint32_t>(from_end));
}

void Placement::append_reads(std::uint64_t first_page, base::MutableBytes out,
                             std::vector<page::ReadRange>& reads) const {
  for (std::size_t i = extent_of(first_page); !out.empty(); ++i) {
    SILT_ASSERT(i < extents_.size());
    const std::uint64_t bytes = (ends_[i] - first_page) * page::kPageBytes;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, out.size()));
    reads.push_back({page_at(first_page), out.first(size)});
    out = out.subspan(size);
    first_page = ends_[i];
  }
}

SpaceWriter::SpaceWriter(page::PageFile& file, page::ExtentWriter& writer, page::Claim claim,
                         std::uint64_t expected_bytes) noexcept
    : file_(file),
      writer_(writer),
      claim_(claim),
      expected_pages_(page::pages_for(expected_bytes)) {}

SpaceWriter::~SpaceWriter() {
  for (const page::Extent& extent : extents_) {
    writer_.discard(extent);
    file_.release(extent);
  }
}

SectorRange SpaceWriter::place(std::uint32_t sectors) const noexcept {
  const std::uint32_t in_page = next_ % kSectorsPerPage;
  const bool fits = in_page == 0 || in_page + std::uint64_t{sectors} <= kSectorsPerPage;
  return {fits ? next_ : next_ + (kSectorsPerPage - in_page), sectors};
}

Result<SectorRange> SpaceWriter::append(base::Bytes unit) {
  SILT_ASSERT(!unit.empty() && unit.size() % kSectorBytes == 0);
  const std::uint64_t sectors = unit.size() / kSectorBytes;
  if (sectors > kMaxSectors - std::min(next_, kMaxSectors - kSectorsPerPage) - kSectorsPerPage) {
    return base::fail(ErrorCode::invalid_argument, "a table cannot be longer than 2 TiB");
  }
  const SectorRange range = place(static_cast<std::uint32_t>(sectors));
  SILT_TRY(pad_to(range.first));
  SILT_TRY(fill(unit));
  return range;
}

Result<SpaceWriter::Finished> SpaceWriter::finish() {
  const std::uint32_t sectors = next_;
  SILT_ASSERT(sectors != 0);
  SILT_TRY(pad_to(next_ + (kSectorsPerPage - next_ % kSectorsPerPage) % kSectorsPerPage));
  while (room_ - extents_.back().pages >= written_) {
    file_.release(extents_.back());
    room_ -= extents_.back().pages;
    extents_.pop_back();
  }
  page::Extent& last = extents_.back();
  last = file_.trim(last, static_cast<std::uint32_t>(written_ - (room_ - last.pages)));
  return Finished{std::exchange(extents_, {}), sectors};
}

Result<void> SpaceWriter::pad_to(std::uint32_t sector) {
  constexpr std::byte kZeros[page::kPageBytes] = {};
  return fill(base::Bytes(kZeros).first((sector - next_) * kSectorBytes));
}

// Whole pages go out as they are; what is left waits in page_ for the rest of its page.
Result<void> SpaceWriter::fill(base::Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t in_page = next_ % kSectorsPerPage * kSectorBytes;
    std::size_t size = std::min(bytes.size(), page::kPageBytes - in_page);
    if (in_page == 0 && bytes.size() >= page::kPageBytes) {
      size = bytes.size() / page::kPageBytes * page::kPageBytes;
      SILT_TRY(write_pages(bytes.first(size)));
    } else {
      std::memcpy(page_ + in_page, bytes.data(), size);
      if (in_page + size == page::kPageBytes) SILT_TRY(write_pages(page_));
    }
    next_ += static_cast<std::uint32_t>(size / kSectorBytes);
    bytes = bytes.subspan(size);
  }
  return {};
}

Result<void> SpaceWriter::write_pages(base::Bytes pages) {
  while (!pages.empty()) {
    if (written_ == room_) SILT_TRY(extend());
    const page::Extent& last = extents_.back();
    const std::uint64_t left = room_ - written_;
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(left * page::kPageBytes, pages.size()));
    const auto first = last.first + (last.pages - static_cast<std::uint32_t>(left));
    SILT_TRY(writer_.write(first, pages.first(size)));
    written_ += size / page::kPageBytes;
    pages = pages.subspan(size);
  }
  return {};
}

// Where free space lies in pieces, so does the table.
Result<void> SpaceWriter::extend() {
  extents_.reserve(extents_.size() + 1);
  const std::uint64_t missing = expected_pages_ > room_ ? expected_pages_ - room_ : 0;
  const std::uint64_t wanted =
      std::max<std::uint64_t>({missing, room_ / kGrowthDivisor, std::uint64_t{page::kUnitPages}});
  auto pages = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, page::kMaxExtentPages));
  for (;;) {
    auto extent = file_.allocate(pages, claim_);
    if (extent) {
      extents_.push_back(*extent);
      room_ += extent->pages;
      return {};
    }
    if (extent.error().code() != ErrorCode::no_space || pages <= page::kUnitPages) {
      return std::unexpected(extent.error());
    }
    pages /= 2;
  }
}

}  // namespace siltstone::table
