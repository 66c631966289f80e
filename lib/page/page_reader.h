// Reads of many ranges at once: what is asked twice is read once, neighbours and near neighbours
// are read together, everything goes to the device in one wave, and the answers are in the order
// asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "io/complete.h"
#include "page/extent.h"
#include "page/page_stats.h"

namespace siltstone::page {

/// Whole pages to read, and where to: memory aligned as the file's direct transfers ask for, which
/// page frames always are. Ranges may overlap in the file but not in memory.
struct ReadRange {
  base::PageNumber first;
  base::MutableBytes out;
};

struct ReaderOptions {
  /// Ranges at most this far apart are read in one operation, and what lies between is thrown away.
  /// A gap of 64 KiB costs about as much as an operation of its own.
  std::size_t max_gap_bytes = std::size_t{64} << 10;
  /// Largest operation that merging makes; a single range may be longer.
  std::size_t operation_bytes = std::size_t{1} << 20;
};

/// Thread-bound: it belongs to the thread of its Channel.
class PageReader {
 public:
  /// `out_of_memory` when there is no room for gaps.
  [[nodiscard]] static Result<std::unique_ptr<PageReader>> make(io::File& file,
                                                                io::Channel& channel, Meter& meter,
                                                                ReaderOptions options = {});

  PageReader(const PageReader&) = delete;
  PageReader& operator=(const PageReader&) = delete;
  ~PageReader();

  /// Reads all ranges and waits for all. One result per range, in the order asked: an unreadable
  /// page fails only the ranges that hold it. `corruption` when the file ends before a range does.
  [[nodiscard]] std::vector<Result<void>> read(std::span<const ReadRange> ranges);

 private:
  struct Want;
  struct Piece;
  using Pieces = std::vector<std::unique_ptr<Piece>>;

  PageReader(io::File& file, io::Channel& channel, Meter& meter, const ReaderOptions& options,
             base::AlignedBuffer gap)
      : file_(file), channel_(channel), meter_(meter), options_(options), gap_(std::move(gap)) {}

  [[nodiscard]] Pieces merge(std::span<Want> wants) const;
  void read_wave(Pieces& pieces);
  void read_each_alone(std::span<Want> wants);

  io::File& file_;        // outlives this
  io::Channel& channel_;  // outlives this
  Meter& meter_;          // outlives this
  const ReaderOptions options_;
  const base::AlignedBuffer gap_;  // takes what nobody asked for; never read
};

}  // namespace siltstone::page
