// Planning and sending a wave of reads: see page_reader.h.
//
//   1. every page that any range wants, sorted; the first range to want a page gets it from the
//      device, the others a copy
//   2. pages that are near each other become one operation, the gaps between going to waste
//   3. all operations are sent, then waited for
//   4. pages of a failed operation are tried one by one, so that only the bad ones fail
//   5. copies, and a result for each range
#include "page/page_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {

using base::PageNumber;

// One page that one range wants.
struct PageReader::Want {
  PageNumber page;
  std::byte* out = nullptr;
  std::size_t range = 0;
  std::optional<Error> error;
};

// One operation: wanted pages in ascending order, and the gaps between them.
struct PageReader::Piece {
  std::span<Want> wants;
  std::vector<iovec> buffers;
  std::size_t bytes = 0;
  io::Time started{};
  io::Transfer transfer;

  void append(std::byte* data, std::size_t size) {
    bytes += size;
    if (!buffers.empty()) {
      iovec& last = buffers.back();
      if (static_cast<std::byte*>(last.iov_base) + last.iov_len == data) {
        last.iov_len += size;
        return;
      }
    }
    buffers.push_back({data, size});
  }
};

namespace {

std::size_t gap_between(PageNumber before, PageNumber next) noexcept {
  return (next - before - 1) * kPageBytes;
}

}  // namespace

Result<std::unique_ptr<PageReader>> PageReader::make(io::File& file, io::Channel& channel,
                                                     Meter& meter, ReaderOptions options) {
  auto gap = SILT_TRY(base::AlignedBuffer::allocate(options.max_gap_bytes));
  return std::unique_ptr<PageReader>(new PageReader(file, channel, meter, options, std::move(gap)));
}

PageReader::~PageReader() = default;

std::vector<Result<void>> PageReader::read(std::span<const ReadRange> ranges) {
  std::vector<Want> wants;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const base::MutableBytes out = ranges[i].out;
    SILT_ASSERT(out.size() % kPageBytes == 0);
    SILT_ASSERT(reinterpret_cast<std::uintptr_t>(out.data()) % file_.alignment().memory_bytes == 0);
    for (std::size_t at = 0; at < out.size(); at += kPageBytes) {
      const auto page = static_cast<std::uint32_t>(at / kPageBytes);
      wants.push_back({ranges[i].first + page, out.data() + at, i, std::nullopt});
    }
  }
  std::ranges::sort(wants, {}, [](const Want& want) { return std::pair(want.page, want.range); });
  // The first of each page to the front, in order; the others behind them.
  std::vector<Want> copies;
  std::vector<Want> firsts;
  for (Want& want : wants) {
    const bool again = !firsts.empty() && firsts.back().page == want.page;
    (again ? copies : firsts).push_back(std::move(want));
  }

  Pieces pieces = merge(firsts);
  std::size_t merged = 0;
  for (const auto& piece : pieces) {
    std::vector<std::size_t> of;
    for (const Want& want : piece->wants) of.push_back(want.range);
    std::ranges::sort(of);
    merged += of.size() - std::ranges::unique(of).size() - 1;
  }
  meter_.add_read_batch(ranges.size(), merged, copies.size());
  read_wave(pieces);
  for (const auto& piece : pieces) {
    if (!piece->transfer.outcome()) read_each_alone(piece->wants);
  }

  std::vector<Result<void>> results(ranges.size());
  const auto settle = [&results](std::size_t range, const std::optional<Error>& error) {
    if (error && results[range]) results[range] = std::unexpected(*error);
  };
  for (const Want& want : firsts) settle(want.range, want.error);
  for (const Want& copy : copies) {
    const auto source = std::ranges::lower_bound(firsts, copy.page, {}, &Want::page);
    settle(copy.range, source->error);
    if (!source->error) std::memcpy(copy.out, source->out, kPageBytes);
  }
  return results;
}

// Cuts the wanted pages, ascending and each only once, into operations.
PageReader::Pieces PageReader::merge(std::span<Want> wants) const {
  Pieces pieces;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < wants.size(); ++i) {
    const std::size_t gap = i == begin ? 0 : gap_between(wants[i - 1].page, wants[i].page);
    // A page may bring two buffers: the gap before it and its own.
    const bool joins = i != begin && gap <= options_.max_gap_bytes &&
                       pieces.back()->bytes + gap + kPageBytes <= options_.operation_bytes &&
                       pieces.back()->buffers.size() + 2 <= io::kMaxBuffersPerRequest;
    if (!joins) {
      begin = i;
      pieces.push_back(std::make_unique<Piece>());
    } else if (gap > 0) {
      pieces.back()->append(gap_.data(), gap);
    }
    pieces.back()->append(wants[i].out, kPageBytes);
    pieces.back()->wants = wants.subspan(begin, i - begin + 1);
  }
  return pieces;
}

// Sends all, then waits for all.
void PageReader::read_wave(Pieces& pieces) {
  for (const auto& piece : pieces) {
    piece->started = meter_.started();
    channel_.read(piece->transfer, file_, byte_offset(piece->wants.front().page), piece->buffers);
  }
  for (const auto& piece : pieces) {
    channel_.wait(piece->transfer);
    const auto& outcome = piece->transfer.outcome();
    meter_.ended(Operation::read, piece->started, outcome.has_value(), outcome.value_or(0),
                 piece->buffers.size());
    if (piece->wants.size() == 1 && !outcome) piece->wants.front().error = outcome.error();
  }
}

// Second chance for the pages of a failed operation.
void PageReader::read_each_alone(std::span<Want> wants) {
  if (wants.size() == 1) return;  // it was alone already
  Pieces pieces;
  for (Want& want : wants) {
    pieces.push_back(std::make_unique<Piece>());
    pieces.back()->append(want.out, kPageBytes);
    pieces.back()->wants = {&want, 1};
  }
  read_wave(pieces);
}

}  // namespace siltstone::page
