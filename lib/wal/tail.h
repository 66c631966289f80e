// DIR/tail: the file of the log ring, for stores that a kill must not cost what a power cut may.
//
// A record lies at its ring position modulo the size of the file, which is that of the ring, as it
// lies in the log; nothing else is in it. Its checksum knows session and position, so that whatever
// an earlier use of the file left is void. Writes go to the operating system and no further: as
// stores, where the file is the ring's memory, else by system calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <siltstone/error.h>

#include "base/ids.h"
#include "io/complete.h"
#include "io/storage.h"
#include "wal/record.h"

namespace siltstone::wal {

/// Until a session has filled it, the file has no more, so that small stores stay small.
inline constexpr std::size_t kFirstTailBytes = std::size_t{1} << 20;

/// Thread-bound: one call at a time.
class TailWriter {
 public:
  /// Makes the file of the store in `dir`, of kFirstTailBytes, or takes it as it is; if the session
  /// that ended at `before` has filled it, it gets `most_bytes`, which it never exceeds, a multiple
  /// of 4 KiB. Blocks are allotted as they are written. No record that an earlier use left may
  /// count any more.
  [[nodiscard]] static Result<std::unique_ptr<TailWriter>> open(io::Storage& storage,
                                                                io::Directory& dir,
                                                                std::size_t most_bytes,
                                                                base::RingPosition before = {});
  TailWriter(std::unique_ptr<io::Channel> channel, std::unique_ptr<io::File> file,
             std::size_t capacity_bytes) noexcept;

  /// Size of the file, and of its ring: a multiple of 4 KiB.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// The file as memory for the ring, with all its blocks. Before the first write. Errors:
  /// `unsupported` where files are not mapped; those of I/O, after which write() is still worth
  /// trying.
  [[nodiscard]] Result<std::unique_ptr<io::Mapping>> map();
  /// Writes records, of which the first lies at `begin`, in the parts of a ring of this capacity:
  /// one system call, or two where the ring wraps. After an error some of it may be there.
  [[nodiscard]] Result<void> write(const RecordRange& records, base::RingPosition begin) noexcept;

 private:
  const std::unique_ptr<io::Channel> channel_;
  const std::unique_ptr<io::File> file_;
  const std::size_t capacity_;
};

/// The records that a ring's file adds to the log.
struct TailRecords {
  std::vector<std::byte> bytes;  ///< All of them, one after the other.
  RingPlace begin;
  RingPlace end;
  base::Sequence first{1};  ///< Of the first operation, at least.
  base::Sequence next{1};   ///< Of the operation after them.
  std::uint64_t records = 0;
  std::uint64_t operations = 0;
};

/// Nothing behind this place.
[[nodiscard]] TailRecords no_tail(RingPlace place, base::Sequence next);

/// Reads the records that continue the log in position and sequence, checked through and through,
/// up to the first that does not; none when there is no file. Errors: those of I/O, corruption for
/// a file that no ring can have.
[[nodiscard]] Result<TailRecords> read_tail(io::Directory& dir, io::Channel& channel,
                                            RingPlace place, base::Sequence next);

/// All of the ring's file, for who reads beside a writer: he may drain what is in it at any time,
/// and then write over it. Loaded before the segments are read, it has whatever they lack.
struct TailImage {
  std::string path;              ///< For messages.
  std::vector<std::byte> bytes;  ///< None when there is no file.
};
/// Errors as of read_tail().
[[nodiscard]] Result<TailImage> load_tail(io::Directory& dir, io::Channel& channel);
/// As above, from an image.
[[nodiscard]] Result<TailRecords> read_tail(const TailImage& image, RingPlace place,
                                            base::Sequence next);

/// Takes the next record off the front of `rest`, which begins at `place`; moves both on.
[[nodiscard]] Result<Record> next_record(base::Bytes& rest, RingPlace& place) noexcept;

}  // namespace siltstone::wal
