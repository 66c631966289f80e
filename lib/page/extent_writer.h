// The one way to write into extents: whole pages are buffered, so that neighbours leave in one
// vectored operation however they came.
//
// Invariants:
// 1. A page is written as it was given last, never before an older write of it has ended, and no
//    byte of the file that nobody gave is ever written.
// 2. A page is in the buffer from write() until its bytes have been taken by the operating system,
//    and can be read from it. A failed operation puts its pages back.
// 3. Every operation lies in one extent, and the Ledger hears of its start and its end.
// 4. What throws std::bad_alloc has lost no page that was buffered.
//
// Pages leave when enough bytes or calls are buffered, when the oldest has waited for the
// coalescing window, or by flush(). Only flush() followed by a sync (a Commit) makes them durable.
//
// Thread-bound: it belongs to the thread of its Channel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <siltstone/error.h>

#include "base/bytes.h"
#include "io/complete.h"
#include "page/frame_pool.h"
#include "page/pacer.h"
#include "page/page_file.h"

namespace siltstone::page {

struct WriterOptions {
  /// What may be buffered and under way at once; write() waits beyond it.
  std::size_t buffer_bytes = std::size_t{8} << 20;
  /// Buffered bytes, and calls of write(), at which all that is buffered leaves.
  std::size_t flush_bytes = std::size_t{4} << 20;
  std::uint32_t flush_writes = 4096;
  /// How long a page may wait for neighbours: 1 to 10 ms.
  io::Duration window = std::chrono::milliseconds(5);
  /// Largest operation.
  std::size_t operation_bytes = std::size_t{1} << 20;
  base::PageKind page_kind = base::PageKind::normal;
  /// Bounds what poll() sends, not what flush() or a full buffer does. Outlives the writer.
  Pacer* pacer = nullptr;
};

class ExtentWriter {
 public:
  /// `invalid_argument` for options out of range, `out_of_memory`.
  [[nodiscard]] static Result<std::unique_ptr<ExtentWriter>> make(PageFile& file,
                                                                  io::Channel& channel,
                                                                  WriterOptions options = {});

  ExtentWriter(const ExtentWriter&) = delete;
  ExtentWriter& operator=(const ExtentWriter&) = delete;
  /// Waits for what is under way; what is only buffered is forgotten.
  ~ExtentWriter();

  /// Buffers whole pages, all in one extent that no generation has yet. Without room it first sends
  /// what it has and waits: ask has_room() where waiting is not allowed. An error means that pages
  /// could not be buffered because earlier ones could not be written; all buffered ones are kept.
  [[nodiscard]] Result<void> write(base::PageNumber first, base::Bytes pages);
  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept {
    return frames_.available() >= pages_for(bytes);
  }

  /// Takes what has ended and sends what is due, without waiting.
  void poll();
  /// When poll() next has something to send; kNever when nothing is buffered or an error is kept.
  [[nodiscard]] io::Time next_due() const;
  /// Makes everything due now, for poll() to send. Clears a kept error: what failed is tried again.
  void start_flush();
  /// Sends everything and waits for it. After an error every page that was not written is still
  /// buffered: flush() again once there is room, or redirect() and write elsewhere.
  [[nodiscard]] Result<void> flush();

  /// Copies the buffered content of a page; false when it is not buffered.
  [[nodiscard]] bool read(base::PageNumber page, base::MutableBytes out) const;
  /// Moves what is buffered for one extent to the same place in another. Waits for operations.
  void redirect(const Extent& from, const Extent& to);
  /// Forgets what is buffered for an extent; afterwards it may be released. Waits for operations.
  void discard(const Extent& extent);

  /// Why the last operation failed; nothing while all is well.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
  /// True when nothing is buffered and nothing under way.
  [[nodiscard]] bool idle() const noexcept { return dirty_.empty() && flights_.empty(); }
  [[nodiscard]] std::size_t buffered_pages() const noexcept { return dirty_.size(); }
  /// True when huge pages were asked for and given.
  [[nodiscard]] bool uses_huge_pages() const noexcept { return frames_.huge(); }

 private:
  struct Page {
    FrameIndex frame = 0;
    std::uint64_t call = 0;  // that gave it
    Extent extent;           // known by its first page: it may be trimmed meanwhile
  };
  using Pages = std::map<base::PageNumber, Page>;
  struct Flight;

  ExtentWriter(PageFile& file, io::Channel& channel, const WriterOptions& options,
               FramePool frames);

  [[nodiscard]] Result<bool> write_page(base::PageNumber number, base::Bytes page);
  [[nodiscard]] Result<FrameIndex> take_frame();
  [[nodiscard]] bool is_due(io::Time now) const noexcept;
  enum class Urgency : std::uint8_t { paced, urgent };
  void send(Urgency urgency);
  [[nodiscard]] Pages::iterator cut_run(Pages::iterator first, Flight& flight) const;
  Pages::iterator launch(std::unique_ptr<Flight> flight, Pages::iterator page, Pages::iterator end);
  void land_ended();
  void land(Flight& flight);
  void wait_for_flights();

  PageFile& file_;        // outlives this
  io::Channel& channel_;  // outlives this
  const WriterOptions options_;
  FramePool frames_;
  Pages dirty_;   // buffered, not under way
  Pages flying_;  // under way; a page may be in both, then dirty_ has the newer one
  std::vector<std::unique_ptr<Flight>> flights_;
  std::optional<Extent> last_extent_;  // of the last write: the next one mostly goes there too
  std::uint64_t calls_ = 0;
  std::uint64_t calls_sent_ = 0;  // when the buffer was last sent
  io::Time oldest_ = io::kNever;  // since when something waits in dirty_
  bool sending_ = false;          // everything buffered is due
  std::optional<Error> error_;
};

}  // namespace siltstone::page
