// Reads the frames of one segment, and ahead of them: what comes next is on its way while a frame
// is checked and its records are taken in. Memory is bounded by the largest frame, whatever the
// file says.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "io/complete.h"
#include "io/storage.h"
#include "wal/block_buffer.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

enum class FrameCheck : std::uint8_t {
  valid,
  absent,  ///< No frame, or not all of one. A tear may do this.
  broken,  ///< The checksums match, but the content breaks the rules. A tear never does this.
};

/// What stands at one place. The views are good until the next call of the reader.
struct Frame {
  FrameCheck check = FrameCheck::absent;
  std::uint64_t offset = 0;
  FrameHeader header;          ///< Of a valid one, as all below.
  std::uint64_t extent = 0;    ///< Bytes to the next frame.
  base::Bytes stored;          ///< The payload as it lies in the file.
  base::Bytes raw;             ///< The payload decompressed.
  std::optional<Error> fault;  ///< Of an invalid one: corruption or unsupported, with the place.
};

/// What a reader reads into. Kept from one reader to the next: memory that was touched once costs
/// no page faults any more.
struct ReadMemory {
  std::array<base::AlignedBuffer, 2> windows;  ///< Mapped: what a small file does not fill is free.
  BlockBuffer raw;                             ///< The last payload that had to be decompressed.
};

/// Thread-bound, as the channel it borrows.
class SegmentReader {
 public:
  /// `file` and `memory`, of which no other reader lives, are borrowed as well. `nonce` is that of
  /// the segment's header.
  SegmentReader(io::Channel& channel, io::File& file, std::uint64_t nonce, ReadMemory& memory);

  /// Reads and checks the frame at a block start. Errors are those of I/O alone.
  [[nodiscard]] Result<Frame> read(std::uint64_t offset);

  /// What a block can tell without its payload.
  struct Probe {
    bool is_zero = true;                ///< Nothing but zeros, or behind the end of the file.
    std::optional<FrameHeader> header;  ///< If it begins with a valid one.
  };
  [[nodiscard]] Result<Probe> probe(std::uint64_t offset);

  /// Size of the file, now.
  [[nodiscard]] Result<std::uint64_t> size();
  /// Forgets what was read ahead: the next call sees the file as it is then.
  void forget() noexcept;

 private:
  /// A range of the file in memory: the chunk that was read lies behind room for as much of a frame
  /// as may come before it.
  struct Window {
    base::AlignedBuffer* buffer;
    std::size_t begin = 0;  ///< In the buffer.
    std::size_t end = 0;
    std::uint64_t offset = 0;  ///< In the file, of `begin`.

    [[nodiscard]] std::uint64_t end_offset() const noexcept { return offset + (end - begin); }
    /// Makes room for a chunk of so many bytes, which forgets what is there. `out_of_memory`.
    [[nodiscard]] Result<base::MutableBytes> make_room(std::size_t bytes) noexcept;
    /// The bytes from there on; none where it has none.
    [[nodiscard]] base::Bytes from(std::uint64_t place) const noexcept;
  };

  [[nodiscard]] Result<base::Bytes> fetch(std::uint64_t offset, std::size_t length);
  [[nodiscard]] bool go_on(std::uint64_t offset, std::size_t length);
  [[nodiscard]] Result<void> read_anew(std::uint64_t offset, std::size_t length);
  void start_ahead();
  [[nodiscard]] std::optional<std::size_t> finish_ahead();
  void check_payload(Frame& frame);
  void refuse(Frame& frame, FrameCheck check, const Error& why) const;

  io::Channel& channel_;
  io::File& file_;
  const std::uint64_t nonce_;

  Window window_;
  Window ahead_;          // what follows it, on its way
  bool reading_ = false;  // ahead
  std::array<io::Transfer, 2> halves_;
  BlockBuffer& raw_;
};

}  // namespace siltstone::wal
