// Buffering, merging and sending pages: see extent_writer.h.
#include "page/extent_writer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {

using base::PageNumber;

// One operation: neighbouring pages of one extent.
struct ExtentWriter::Flight {
  PageNumber first;
  std::vector<Page> pages;
  std::vector<iovec> buffers;
  io::Time started{};
  io::Transfer transfer;

  [[nodiscard]] const Extent& extent() const noexcept { return pages.front().extent; }
  [[nodiscard]] std::uint32_t count() const noexcept {
    return static_cast<std::uint32_t>(pages.size());
  }
  // Appends a page; one whose frame lies behind the last one makes that buffer longer.
  void append(const Page& page, base::MutableBytes frame);
  [[nodiscard]] std::size_t calls() const;
};

void ExtentWriter::Flight::append(const Page& page, base::MutableBytes frame) {
  pages.push_back(page);
  if (!buffers.empty()) {
    iovec& last = buffers.back();
    if (static_cast<std::byte*>(last.iov_base) + last.iov_len == frame.data()) {
      last.iov_len += frame.size();
      return;
    }
  }
  buffers.push_back({frame.data(), frame.size()});
}

// How many calls of write() the operation carries.
std::size_t ExtentWriter::Flight::calls() const {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(pages.size());
  for (const Page& page : pages) numbers.push_back(page.call);
  std::ranges::sort(numbers);
  const auto repeated = std::ranges::unique(numbers);
  return numbers.size() - repeated.size();
}

Result<std::unique_ptr<ExtentWriter>> ExtentWriter::make(PageFile& file, io::Channel& channel,
                                                         WriterOptions options) {
  using std::chrono::milliseconds;
  if (options.window < milliseconds(1) || options.window > milliseconds(10)) {
    return base::fail(ErrorCode::invalid_argument, "the coalescing window is 1 to 10 ms");
  }
  if (options.buffer_bytes < kPageBytes || options.flush_bytes < kPageBytes ||
      options.flush_bytes > options.buffer_bytes || options.flush_writes == 0 ||
      options.operation_bytes < kPageBytes) {
    return base::fail(ErrorCode::invalid_argument,
                      "a writer buffers at least a page and flushes before its buffer is full");
  }
  FramePool frames = SILT_TRY(FramePool::make(options.buffer_bytes, options.page_kind));
  return std::unique_ptr<ExtentWriter>(new ExtentWriter(file, channel, options, std::move(frames)));
}

ExtentWriter::ExtentWriter(PageFile& file, io::Channel& channel, const WriterOptions& options,
                           FramePool frames)
    : file_(file), channel_(channel), options_(options), frames_(std::move(frames)) {}

ExtentWriter::~ExtentWriter() { wait_for_flights(); }

Result<void> ExtentWriter::write(PageNumber first, base::Bytes pages) {
  SILT_ASSERT(pages.size() % kPageBytes == 0);
  if (pages.empty()) return {};
  const auto count = static_cast<std::uint32_t>(pages.size() / kPageBytes);
  if (!last_extent_ || !last_extent_->contains(first)) {
    last_extent_ = file_.ledger().find_live(first);
    SILT_ASSERT(last_extent_.has_value());
  }
  SILT_ASSERT(first + count <= last_extent_->end());

  ++calls_;
  if (dirty_.empty()) oldest_ = file_.now();
  std::uint64_t overwritten = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool replaced =
        SILT_TRY(write_page(first + i, pages.subspan(i * kPageBytes, kPageBytes)));
    if (replaced) ++overwritten;
  }
  file_.meter().add_write_call(overwritten);
  const bool full = dirty_.size() * kPageBytes >= options_.flush_bytes ||
                    calls_ - calls_sent_ >= options_.flush_writes;
  if (full) poll();
  return {};
}

// True when the page took the place of a buffered one.
Result<bool> ExtentWriter::write_page(PageNumber number, base::Bytes page) {
  const auto found = dirty_.find(number);
  const bool replaces = found != dirty_.end();
  FrameIndex frame = 0;
  if (replaces) {
    frame = found->second.frame;
    found->second.call = calls_;
  } else {
    frame = SILT_TRY(take_frame());
    try {
      dirty_.insert_or_assign(dirty_.end(), number, Page{frame, calls_, *last_extent_});
    } catch (const std::bad_alloc&) {
      frames_.give_back(frame);
      throw;
    }
  }
  std::memcpy(frames_.bytes(frame).data(), page.data(), kPageBytes);
  return replaces;
}

// A free frame; without one, sends what is buffered and waits for operations to end.
Result<FrameIndex> ExtentWriter::take_frame() {
  while (true) {
    if (const auto frame = frames_.take()) return *frame;
    if (error_) return std::unexpected(*error_);
    send(Urgency::urgent);
    channel_.wait_any();
    land_ended();
  }
}

bool ExtentWriter::is_due(io::Time now) const noexcept {
  if (dirty_.empty() || error_) return false;
  return sending_ || dirty_.size() * kPageBytes >= options_.flush_bytes ||
         calls_ - calls_sent_ >= options_.flush_writes || now - oldest_ >= options_.window;
}

void ExtentWriter::poll() {
  channel_.poll();
  land_ended();
  if (is_due(file_.now())) {
    sending_ = true;
    send(Urgency::paced);
    channel_.poll();
  }
}

io::Time ExtentWriter::next_due() const {
  if (dirty_.empty() || error_) return io::kNever;
  const io::Time now = file_.now();
  if (!is_due(now)) return oldest_ + options_.window;
  return options_.pacer != nullptr ? options_.pacer->ready(now) : now;
}

void ExtentWriter::start_flush() {
  error_.reset();
  sending_ = !dirty_.empty();
}

Result<void> ExtentWriter::flush() {
  start_flush();
  while (!idle() && !error_) {
    send(Urgency::urgent);
    channel_.wait_any();
    land_ended();
  }
  wait_for_flights();
  if (error_) return std::unexpected(*error_);
  return {};
}

// Launches everything buffered, run by run; a page of which an older write is under way stays.
void ExtentWriter::send(Urgency urgency) {
  const bool paced = urgency == Urgency::paced && options_.pacer != nullptr;
  for (auto page = dirty_.begin(); page != dirty_.end();) {
    if (flying_.contains(page->first)) {
      ++page;
      continue;
    }
    auto flight = std::make_unique<Flight>();
    const auto end = cut_run(page, *flight);
    if (paced && !options_.pacer->spend(flight->pages.size() * kPageBytes, file_.now())) return;
    page = launch(std::move(flight), page, end);
  }
  calls_sent_ = calls_;
  if (dirty_.empty()) sending_ = false;
}

// Fills the flight with the neighbours that one operation can take; returns the page behind them.
ExtentWriter::Pages::iterator ExtentWriter::cut_run(Pages::iterator first, Flight& flight) const {
  flight.first = first->first;
  auto page = first;
  for (; page != dirty_.end(); ++page) {
    const bool follows = page->first == flight.first + flight.count() &&
                         (page == first || page->second.extent.first == flight.extent().first);
    const bool fits = (flight.count() + 1) * kPageBytes <= options_.operation_bytes &&
                      flight.buffers.size() < io::kMaxBuffersPerRequest;
    if (!follows || !fits || flying_.contains(page->first)) break;
    flight.append(page->second, frames_.bytes(page->second.frame));
  }
  return page;
}

// Starts the operation that carries these pages. All that may lack memory comes first.
ExtentWriter::Pages::iterator ExtentWriter::launch(std::unique_ptr<Flight> flight,
                                                   Pages::iterator page, Pages::iterator end) {
  const std::size_t calls = flight->calls();
  if (flights_.size() == flights_.capacity()) flights_.reserve(2 * flights_.size() + 8);
  const Extent extent = file_.ledger().write_started(flight->first, flight->count());
  SILT_ASSERT(extent.first == flight->extent().first);
  while (page != end) flying_.insert(dirty_.extract(page++));
  file_.meter().add_coalesced(calls - 1);
  flight->started = file_.meter().started();
  Flight& started = *flight;
  flights_.push_back(std::move(flight));
  channel_.write(started.transfer, file_.file(), byte_offset(started.first), started.buffers);
  return page;
}

void ExtentWriter::land_ended() {
  std::erase_if(flights_, [this](const std::unique_ptr<Flight>& flight) {
    if (!flight->transfer.done()) return false;
    land(*flight);
    return true;
  });
}

// Takes the result: frames are free again, or their pages are buffered again.
void ExtentWriter::land(Flight& flight) {
  const auto& outcome = flight.transfer.outcome();
  file_.meter().ended(Operation::write, flight.started, outcome.has_value(), outcome.value_or(0),
                      flight.buffers.size());
  const bool full = !outcome && outcome.error().code() == ErrorCode::no_space;
  file_.ledger().write_ended(flight.extent(), outcome ? WriteOutcome::done
                                              : full  ? WriteOutcome::refused
                                                      : WriteOutcome::failed);
  if (!outcome) error_ = outcome.error();
  for (std::uint32_t i = 0; i < flight.count(); ++i) {
    const PageNumber number = flight.first + i;
    auto page = flying_.extract(number);
    const bool keep = !outcome && dirty_.insert(std::move(page)).inserted;
    if (!keep) frames_.give_back(flight.pages[i].frame);
  }
  if (!outcome) oldest_ = std::min(oldest_, flight.started);
}

void ExtentWriter::wait_for_flights() {
  for (const auto& flight : flights_) channel_.wait(flight->transfer);
  land_ended();
}

bool ExtentWriter::read(PageNumber page, base::MutableBytes out) const {
  SILT_ASSERT(out.size() == kPageBytes);
  auto found = dirty_.find(page);
  if (found == dirty_.end()) {
    found = flying_.find(page);
    if (found == flying_.end()) return false;
  }
  std::memcpy(out.data(), frames_.bytes(found->second.frame).data(), kPageBytes);
  return true;
}

void ExtentWriter::redirect(const Extent& from, const Extent& to) {
  SILT_ASSERT(to.pages >= from.pages);
  SILT_ASSERT(from != to);
  wait_for_flights();
  auto page = dirty_.lower_bound(from.first);
  while (page != dirty_.end() && page->first < from.end()) {
    auto node = dirty_.extract(page++);
    node.key() = to.first + (node.key() - from.first);
    node.mapped().extent = to;
    dirty_.insert(std::move(node));
  }
  if (last_extent_ == from) last_extent_.reset();
}

void ExtentWriter::discard(const Extent& extent) {
  wait_for_flights();
  auto page = dirty_.lower_bound(extent.first);
  while (page != dirty_.end() && page->first < extent.end()) {
    frames_.give_back(page->second.frame);
    page = dirty_.erase(page);
  }
  if (last_extent_ == extent) last_extent_.reset();
  if (dirty_.empty()) error_.reset();
}

}  // namespace siltstone::page
