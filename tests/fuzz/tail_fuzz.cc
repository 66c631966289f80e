// Fuzz target: any bytes in DIR/tail behind a sound log are opened to what continues the log, or to
// an error.
//
// Checked: all that wal_fuzz.cc checks; and that what is read from the ring's file lies there, each
// record at its ring position modulo the size of the file.
//
//   u8 flags: bit 0: repair checksums; bit 1: buffered machine; bit 2: the bytes begin at offset 0,
//             and not where the log ends
//   u8 commits in the log: they decide at which ring position it ends
//   u16 size of the file
//   bytes: what is in it, round to its size; zeros for the rest
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/coding.h"
#include "log_checks.h"
#include "support/sim_storage.h"
#include "wal/frame_batch.h"
#include "wal/record.h"
#include "wal/tail.h"
#include "wal/wal_format.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

constexpr std::uint64_t kNonce = 99;

/// What lies before the file.
struct SoundLog {
  std::vector<std::byte> segment;
  RingPlace end{base::SessionId{7}, {}};
  base::Sequence next{1};
};

/// A frame with the commits, behind the headers.
void append_frame(SoundLog& log, std::uint8_t commits) {
  FrameBatch frames(kNonce, kFirstFrameOffset, kMaxFrameBytes);
  FrameHeader header;
  header.kind = FrameKind::records;
  header.first = log.next;
  for (; header.records < commits; ++header.records, ++header.operations) {
    std::string entry;
    append_entry(entry, EntryKind::value, "key", std::string(100, 'v'));
    const auto record = encode_record(log.end, log.next, 1, entry);
    const auto out = frames.payload().subspan(header.raw_bytes);
    wal::range_of(record).copy(0, out.first(record.size()));
    header.raw_bytes += static_cast<std::uint32_t>(record.size());
    log.end.position += record.size();
    log.next += 1;
  }
  header.stored_bytes = header.raw_bytes;
  header.ring = log.end;
  frames.seal(header);
  log.segment.insert(log.segment.end(), frames.bytes().begin(), frames.bytes().end());
}

SoundLog make_log(std::uint8_t commits) {
  SoundLog log;
  log.segment.resize(kFirstFrameOffset);
  SegmentHeader header;
  header.store.bytes.fill(std::byte{1});
  header.id = base::SegmentId{1};
  header.nonce = kNonce;
  header.first = log.next;
  header.ring = log.end;
  encode(header, std::span(log.segment).subspan<0, kSegmentHeaderBytes>());
  encode(header, std::span(log.segment).subspan<kBlockBytes, kSegmentHeaderBytes>());
  if (commits != 0) append_frame(log, commits);
  return log;
}

/// The file, from the ring position `begin` on: the bytes go round.
class RingImage {
 public:
  RingImage(std::size_t size, std::uint64_t begin) : bytes_(size), begin_(begin) {}

  void write(std::uint64_t position, base::Bytes bytes) {
    for (const std::byte byte : bytes) bytes_[position++ % bytes_.size()] = byte;
  }
  [[nodiscard]] std::vector<std::byte> read(std::uint64_t position, std::size_t length) const {
    std::vector<std::byte> out(length);
    for (std::byte& byte : out) byte = bytes_[position++ % bytes_.size()];
    return out;
  }
  void repair(base::SessionId session) {
    auto round = read(begin_, bytes_.size());
    repair_records(round, session, begin_);
    write(begin_, round);
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  std::uint64_t begin_;
};

RingImage make_image(base::Reader& input, std::uint8_t flags, RingPlace end) {
  RingImage image(input.u16(), end.position.value());
  const std::size_t length = std::min(input.remaining(), image.bytes().size());
  image.write((flags & 4) != 0 ? 0 : end.position.value(), input.bytes(length));
  if ((flags & 1) != 0) image.repair(end.session);
  return image;
}

/// No record but one that lies in the file, in the session of the log and where it ends.
void check_tail(io::Storage& storage, io::Directory& dir, const RingImage& image,
                const SoundLog& log) {
  auto queue = storage.make_queue(1);
  require(queue.has_value());
  io::Channel channel(*std::move(queue));
  const auto tail = read_tail(dir, channel, log.end, log.next);
  if (!tail) return;
  require(tail->begin == log.end);
  require(tail->end.session == log.end.session);
  require(tail->bytes.size() <= image.bytes().size());
  require(tail->end.position - tail->begin.position == tail->bytes.size());
  require(tail->bytes == image.read(tail->begin.position.value(), tail->bytes.size()));
  require(tail->next >= log.next);
  require((tail->records == 0) == tail->bytes.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Reader input(std::as_bytes(std::span(data, size)));
  const std::uint8_t flags = input.u8();
  const SoundLog log = make_log(input.u8() % 32);
  const RingImage image = make_image(input, flags, log.end);
  support::SimStorageOptions machine;
  machine.direct_io = (flags & 2) == 0;
  support::SimStorage storage(1, machine);
  storage.plant("db/wal/0", log.segment);
  storage.plant("db/tail", image.bytes());
  const auto dir = storage.open_directory("db");
  require(dir.has_value());
  check_tail(storage, **dir, image, log);
  check_readings(storage, **dir);
  check_open(storage, **dir);
  return 0;
}
