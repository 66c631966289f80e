// Where a table lies in the page file, while it is written and when it is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "page/extent_writer.h"
#include "page/page_file.h"
#include "page/page_reader.h"
#include "table/sector.h"

namespace siltstone::table {

/// From the sectors of a table to the pages of the file. Immutable; thread-safe.
class Placement {
 public:
  /// Throws only std::bad_alloc.
  explicit Placement(std::vector<page::Extent> extents);

  [[nodiscard]] const std::vector<page::Extent>& extents() const noexcept { return extents_; }
  [[nodiscard]] std::uint64_t pages() const noexcept { return ends_.empty() ? 0 : ends_.back(); }
  /// The page of the file that has this page of the table. REQUIRES: it is one of pages().
  [[nodiscard]] base::PageNumber page_at(std::uint64_t page) const noexcept;
  /// Appends what reads `out.size()` bytes, whole pages, from a page of the table on: one range for
  /// each extent they touch. REQUIRES: they lie in the table. Throws only std::bad_alloc.
  void append_reads(std::uint64_t first_page, base::MutableBytes out,
                    std::vector<page::ReadRange>& reads) const;

 private:
  [[nodiscard]] std::size_t extent_of(std::uint64_t page) const noexcept;

  std::vector<page::Extent> extents_;
  std::vector<std::uint64_t> ends_;  // behind each extent, in pages of the table
};

/// Lays a table's units into extents of the page file, one behind the other, in whole pages.
///
/// Invariants: nothing is written twice; the extents are its own until finish() or the end of its
/// life, which gives back those of a table that was not finished.
///
/// Thread-bound, with its ExtentWriter.
class SpaceWriter {
 public:
  /// Borrows both, which outlive it. `expected_bytes` sizes the first extents.
  SpaceWriter(page::PageFile& file, page::ExtentWriter& writer, page::Claim claim,
              std::uint64_t expected_bytes) noexcept;
  SpaceWriter(const SpaceWriter&) = delete;
  SpaceWriter& operator=(const SpaceWriter&) = delete;
  ~SpaceWriter();

  /// Where a unit of so many sectors, or the footer, will lie if it is the next one.
  [[nodiscard]] SectorRange place(std::uint32_t sectors) const noexcept;
  /// Writes a unit of whole sectors to its place(). `no_space`, or what ExtentWriter::write() says:
  /// then the table cannot be finished.
  [[nodiscard]] Result<SectorRange> append(base::Bytes unit);

  struct Finished {
    std::vector<page::Extent> extents;
    std::uint32_t sectors = 0;
  };
  /// Ends the table behind its last unit, and gives back what the extents have too much. They are
  /// the caller's from here on, and written once the ExtentWriter was flushed.
  [[nodiscard]] Result<Finished> finish();

 private:
  [[nodiscard]] Result<void> pad_to(std::uint32_t sector);
  [[nodiscard]] Result<void> fill(base::Bytes bytes);
  [[nodiscard]] Result<void> write_pages(base::Bytes pages);
  [[nodiscard]] Result<void> extend();

  page::PageFile& file_;
  page::ExtentWriter& writer_;
  const page::Claim claim_;
  const std::uint64_t expected_pages_;
  std::vector<page::Extent> extents_;
  std::uint64_t room_ = 0;                             // pages of all extents
  std::uint64_t written_ = 0;                          // pages given to the writer
  std::uint32_t next_ = 0;                             // sector behind the last unit
  alignas(64) std::byte page_[page::kPageBytes] = {};  // the last page, as far as it is filled
};

}  // namespace siltstone::table
