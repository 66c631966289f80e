// Recovery, up to its commit point.
#include "wal/log.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/compression.h"
#include "base/error.h"
#include "base/try.h"
#include "io/complete.h"
#include "wal/block_buffer.h"
#include "wal/frame_batch.h"
#include "wal/segment_reader.h"
#include "wal/slots.h"
#include "wal/tail.h"

namespace siltstone::wal {
namespace {

constexpr std::string_view kDirectoryName = "wal";
// Reads and writes here come one after the other.
constexpr std::size_t kQueueDepth = 4;

/// The wal/ of a store; null if there is none.
Result<std::unique_ptr<io::Directory>> find_directory(io::Directory& dir) {
  auto wal = dir.open_directory(kDirectoryName);
  if (!wal && io::is_not_found(wal.error())) return nullptr;
  return wal;
}

Result<std::unique_ptr<io::Channel>> make_channel(io::Storage& storage) {
  return std::make_unique<io::Channel>(SILT_TRY(storage.make_queue(kQueueDepth)));
}

std::uint64_t draw(io::Entropy& entropy) noexcept {
  std::uint64_t value = 0;
  entropy.fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

base::Codec codec_of(Compression compression) noexcept {
  return compression == Compression::snappy ? base::Codec::snappy : base::Codec::none;
}

/// Makes the segment that an open writes to. Nothing counts before publish() has returned.
class SegmentMaker {
 public:
  SegmentMaker(io::Entropy& entropy, io::Directory& dir, io::Directory& wal, io::Channel& channel,
               const LogState& found, const TailRecords& tail)
      : entropy_(entropy), dir_(dir), wal_(wal), channel_(channel), found_(found), tail_(tail) {}

  /// The segment, durable, and where its writer starts.
  [[nodiscard]] Result<WriterStart> make();

  /// The slot it is in, and whether it holds all that the last one did, which is void now.
  [[nodiscard]] const std::string& slot() const noexcept { return slot_; }
  [[nodiscard]] bool replaced_last() const noexcept { return replaces_last_; }

 private:
  [[nodiscard]] SegmentHeader new_header() const;
  [[nodiscard]] Result<void> prove_last();
  [[nodiscard]] Result<void> write_frames(io::File& file);
  [[nodiscard]] Result<void> write_out(io::File& file, FrameBatch& frames);
  [[nodiscard]] Result<void> copy_last(io::File& file, FrameBatch& frames);
  [[nodiscard]] Result<void> copy_tail(io::File& file, FrameBatch& frames);
  [[nodiscard]] Result<void> write_headers(io::File& file);

  io::Entropy& entropy_;
  io::Directory& dir_;
  io::Directory& wal_;
  io::Channel& channel_;
  const LogState& found_;
  const TailRecords& tail_;  // what comes behind it

  std::string slot_;
  WriterStart start_;
  std::unique_ptr<io::File> last_;
  bool copies_last_ = false;
  bool replaces_last_ = false;
};

Result<WriterStart> SegmentMaker::make() {
  SILT_TRY(prove_last());
  start_.header = new_header();
  start_.next = tail_.next;
  start_.ring = {base::SessionId{draw(entropy_)}, base::RingPosition{}};
  const bool has_frames = copies_last_ || tail_.records != 0;
  if (!has_frames) start_.header.ring = start_.ring;

  for (const std::string& name : found_.unfinished) SILT_TRY(wal_.remove(name));
  slot_ = fmt::format("{}", SILT_TRY(list_slots(wal_)).free_number);
  const std::string unfinished = slot_ + ".new";
  const io::OpenOptions options{
      .access = io::Access::read_write, .create = true, .exclusive = true, .direct = true};
  const auto file = SILT_TRY(open_slot(wal_, unfinished, options));
  if (has_frames) SILT_TRY(write_frames(*file));
  SILT_TRY(write_headers(*file));
  SILT_TRY(channel_.sync(*file));

  // A first segment is found again only if wal/ is.
  if (found_.chain.empty()) SILT_TRY(dir_.sync());
  SILT_TRY(wal_.rename(unfinished, slot_));
  SILT_TRY(wal_.sync());  // the commit point
  return start_;
}

// What was read directly is on the device, and durable after one sync. What came through the page
// cache may be nowhere else, even though a sync says ok. Where there are no records nothing needs a
// proof: the segment before was proved when this one was made.
Result<void> SegmentMaker::prove_last() {
  if (found_.chain.empty()) return {};
  const Segment& last = found_.chain.back();
  last_ = SILT_TRY(open_slot(wal_, last.slot, {.direct = true}));
  copies_last_ = !last_->direct() && last.records != 0;
  replaces_last_ = !last_->direct() || (last.records == 0 && !found_.damage);
  return replaces_last_ ? Result<void>() : channel_.sync(*last_);
}

SegmentHeader SegmentMaker::new_header() const {
  SegmentHeader header;
  header.id = found_.highest.next();
  header.nonce = draw(entropy_);
  if (found_.chain.empty()) {
    entropy_.fill(header.store.bytes);
    header.first = found_.next;
    return header;
  }
  const SegmentHeader& last = found_.chain.back().header;
  header.store = last.store;
  header.predecessor = replaces_last_ ? last.predecessor : found_.end();
  header.first = replaces_last_ ? last.first : found_.next;
  header.ring = replaces_last_ ? last.ring : tail_.begin;
  header.catalog = last.catalog;
  return header;
}

/// Writes what is not known to be durable anywhere else, and a mark that begins the new session.
Result<void> SegmentMaker::write_frames(io::File& file) {
  FrameBatch frames(start_.header.nonce, kFirstFrameOffset, kMaxFrameBytes);
  if (copies_last_) SILT_TRY(copy_last(file, frames));
  SILT_TRY(copy_tail(file, frames));
  if (frames.payload().empty()) SILT_TRY(write_out(file, frames));
  FrameHeader mark;
  mark.kind = FrameKind::mark;
  mark.first = start_.next;
  mark.watermark = {start_.header.id, frames.end()};
  mark.ring = start_.ring;
  mark.catalog = start_.header.catalog;
  frames.seal(mark);
  SILT_TRY(write_out(file, frames));
  start_.end = frames.end();
  return {};
}

Result<void> SegmentMaker::write_out(io::File& file, FrameBatch& frames) {
  SILT_TRY(channel_.write_all(file, frames.begin(), frames.bytes()));
  frames.clear();
  return {};
}

/// The frames of the last segment that count.
Result<void> SegmentMaker::copy_last(io::File& file, FrameBatch& frames) {
  const Segment& last = found_.chain.back();
  ReadMemory memory;
  SegmentReader reader(channel_, *last_, last.header.nonce, memory);
  for (std::uint64_t offset = kFirstFrameOffset; offset < last.end;) {
    const Frame frame = SILT_TRY(reader.read(offset));
    if (frame.check != FrameCheck::valid) return std::unexpected(*frame.fault);
    offset += frame.extent;
    if (frame.header.kind == FrameKind::mark) continue;  // what they tell was true of that segment
    if (frames.payload().size() < frame.stored.size()) SILT_TRY(write_out(file, frames));
    std::ranges::copy(frame.stored, frames.payload().begin());
    FrameHeader header = frame.header;
    header.watermark = {start_.header.id, kFirstFrameOffset};
    frames.seal(header);
  }
  return {};
}

/// The records that the ring's file adds, as they are: their session goes on here.
Result<void> SegmentMaker::copy_tail(io::File& file, FrameBatch& frames) {
  RingPlace place = tail_.begin;
  for (base::Bytes rest(tail_.bytes); !rest.empty();) {
    FrameHeader header;
    header.kind = FrameKind::records;
    header.watermark = {start_.header.id, kFirstFrameOffset};
    header.catalog = start_.header.catalog;
    const base::Bytes begin = rest;
    for (std::size_t size = 0; !rest.empty(); header.ring = place) {
      size += static_cast<std::size_t>(record_size(rest.first<kRecordHeaderBytes>()));
      if (header.records != 0 && size > kFrameTargetBytes) break;
      const Record record = SILT_TRY(next_record(rest, place));
      if (header.records == 0) header.first = record.first;
      header.records += 1;
      header.operations += record.count;
    }
    const base::Bytes payload = begin.first(begin.size() - rest.size());
    if (frames.payload().size() < payload.size()) SILT_TRY(write_out(file, frames));
    std::ranges::copy(payload, frames.payload().begin());
    header.raw_bytes = header.stored_bytes = static_cast<std::uint32_t>(payload.size());
    frames.seal(header);
  }
  return {};
}

Result<void> SegmentMaker::write_headers(io::File& file) {
  const BlockBuffer blocks(kFirstFrameOffset);
  encode_copies(start_.header, blocks.bytes().first<kFirstFrameOffset>());
  return channel_.write_all(file, 0, base::Bytes(blocks.bytes()));
}

/// Where the log ends before damage, nothing continues it.
bool may_go_on(const LogState& state) noexcept { return !state.chain.empty() && !state.damage; }

/// What the ring's file adds to the log, which nobody else is at.
Result<TailRecords> find_own_tail(io::Directory& dir, io::Channel& channel, const LogState& state) {
  if (!may_go_on(state)) return no_tail(state.ring, state.next);
  return read_tail(dir, channel, state.ring, state.next);
}

/// Hands out what the ring's file adds to the log.
Result<void> replay_tail(const TailRecords& tail, LogState& state, LogSink& sink) {
  RingPlace place = tail.begin;
  for (base::Bytes rest(tail.bytes); !rest.empty();) {
    const Record record = SILT_TRY(next_record(rest, place));
    SILT_TRY(sink.record(record));
  }
  state.tail_records = tail.records;
  state.records += tail.records;
  state.operations += tail.operations;
  return {};
}

/// After the commit point: what was replaced by a copy goes; what was given up stays, under a name
/// that no scan looks at.
Result<void> clean_up(io::Directory& wal, const LogState& found, bool replaced_last) {
  for (const std::string& slot : found.replaced) SILT_TRY(wal.remove(slot));
  std::vector<std::string> kept = found.given_up;
  if (replaced_last) {
    const std::string& last = found.chain.back().slot;
    if (found.damage) {
      kept.push_back(last);
    } else {
      SILT_TRY(wal.remove(last));
    }
  }
  for (const std::string& slot : kept) SILT_TRY(wal.rename(slot, slot + ".damaged"));
  return kept.empty() ? Result<void>() : wal.sync();
}

}  // namespace

Result<TailRecords> find_tail(const TailImage& image, const LogState& state) {
  if (!may_go_on(state)) return no_tail(state.ring, state.next);
  return read_tail(image, state.ring, state.next);
}

Result<OpenedLog> open_log(const io::Environment& environment, io::Directory& dir,
                           const LogOptions& options, LogSink& sink) {
  const base::Codec codec = codec_of(options.compression);
  if (!base::codec_available(codec)) {
    return base::fail(ErrorCode::unsupported,
                      fmt::format("this build has no codec {}", base::codec_name(codec)));
  }
  auto channel = SILT_TRY(make_channel(*environment.storage));
  auto wal = SILT_TRY(find_directory(dir));
  if (!wal && options.create) {
    SILT_TRY(dir.make_directory(kDirectoryName));
    wal = SILT_TRY(dir.open_directory(kDirectoryName));
  }
  OpenedLog log;
  if (wal) {
    const ScanOptions scan{.mode = options.recovery, .read_only = false};
    log.recovered = SILT_TRY(scan_log(*wal, *channel, scan, sink));
  }
  if (log.recovered.chain.empty() && !options.create) {
    return base::fail(ErrorCode::invalid_argument, "there is no store here").path(dir.path());
  }
  const TailRecords tail = SILT_TRY(find_own_tail(dir, *channel, log.recovered));
  SILT_TRY(replay_tail(tail, log.recovered, sink));
  SegmentMaker maker(*environment.entropy, dir, *wal, *channel, log.recovered, tail);
  const WriterStart start = SILT_TRY(maker.make());
  SILT_TRY(clean_up(*wal, log.recovered, maker.replaced_last()));
  auto file =
      SILT_TRY(open_slot(*wal, maker.slot(), {.access = io::Access::read_write, .direct = true}));
  log.store = start.header.store;
  log.wal = std::move(wal);
  log.writer = std::make_unique<SegmentWriter>(std::move(channel), std::move(file), start, codec);
  return log;
}

Result<LogState> read_log(io::Storage& storage, io::Directory& dir, RecoveryMode mode,
                          LogSink& sink) {
  const auto channel = SILT_TRY(make_channel(storage));
  const auto wal = SILT_TRY(find_directory(dir));
  if (!wal) return LogState{};
  const TailImage image = SILT_TRY(load_tail(dir, *channel));
  LogState state = SILT_TRY(scan_log(*wal, *channel, {.mode = mode, .read_only = true}, sink));
  const TailRecords tail = SILT_TRY(find_tail(image, state));
  SILT_TRY(replay_tail(tail, state, sink));
  state.next = tail.next;
  state.ring = tail.end;
  return state;
}

}  // namespace siltstone::wal
