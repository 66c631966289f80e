// Reads segment after segment, and decides what damage does.
#include "wal/wal_scanner.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/place_error.h"
#include "base/try.h"
#include "wal/chain.h"
#include "wal/pieces.h"

#include "wal/replay.h"
#include "wal/segment_reader.h"
#include "wal/segment_walk.h"
#include "wal/slots.h"

namespace siltstone::wal {
namespace {

/// One scan of one log.
class Scanner {
 public:
  Scanner(io::Directory& wal, io::Channel& channel, const ScanOptions& options, LogSink& sink)
      : wal_(wal), channel_(channel), options_(options), replay_(sink), pieces_(sink) {}

  [[nodiscard]] Result<LogState> run();

 private:
  [[nodiscard]] Result<void> read_chain(std::span<const std::size_t> chain);
  [[nodiscard]] Result<bool> read_segment(const Slot& slot, std::optional<std::uint64_t> end);
  [[nodiscard]] Result<bool> refuse_segment(const Slot& slot, const Error& why);
  [[nodiscard]] Result<void> end_at_damage(const Slot& slot, const WalkEnd& walk,
                                           SegmentReader& reader);
  [[nodiscard]] Result<void> give_up_slot(const Slot& slot);
  [[nodiscard]] Result<void> give_up_from(const Slot& slot, SegmentReader& reader,
                                          std::uint64_t from, const Error* why);
  [[nodiscard]] Result<std::unique_ptr<io::File>> open(const Slot& slot);

  io::Directory& wal_;
  io::Channel& channel_;
  const ScanOptions options_;
  Replay replay_;
  Pieces pieces_;
  Slots slots_;
  LogState state_;
  ReadMemory memory_;
};

Result<LogState> Scanner::run() {
  slots_ = SILT_TRY(read_slots(wal_, channel_, options_.read_only));
  state_.unfinished = slots_.unfinished;
  for (const Slot& slot : slots_.slots) {
    if (const auto* header = slot.header()) state_.highest = std::max(state_.highest, header->id);
  }
  auto chain = SILT_TRY(choose_chain(slots_.slots));
  if (chain.damage && options_.mode == RecoveryMode::strict) {
    return std::unexpected(*std::move(chain.damage));
  }
  state_.damage = std::move(chain.damage);
  SILT_TRY(read_chain(chain.counted));
  for (const std::size_t i : chain.replaced) {
    pieces_.headers(slots_.slots[i], PieceState::voided);
    pieces_.range(slots_.slots[i], PieceState::voided, kFirstFrameOffset,
                  slots_.slots[i].size_bytes);
    state_.replaced.push_back(slots_.slots[i].name);
  }
  for (const std::size_t i : chain.given_up) SILT_TRY(give_up_slot(slots_.slots[i]));
  for (const Slot& slot : slots_.slots) {
    if (!slot.is_unused()) continue;
    pieces_.range(slot, PieceState::unused, 0, slot.size_bytes);
    state_.unused.push_back(slot.name);
  }
  state_.next = std::max(state_.next, replay_.next());
  state_.ring = replay_.ring();
  state_.records = replay_.records();
  state_.operations = replay_.operations();
  return std::move(state_);
}

Result<void> Scanner::read_chain(std::span<const std::size_t> chain) {
  bool goes_on = true;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Slot& slot = slots_.slots[chain[i]];
    if (!goes_on) {
      SILT_TRY(give_up_slot(slot));
      continue;
    }
    std::optional<std::uint64_t> end;
    if (i + 1 < chain.size()) end = slots_.slots[chain[i + 1]].header()->predecessor.offset;
    goes_on = SILT_TRY(read_segment(slot, end));
  }
  return {};
}

Result<std::unique_ptr<io::File>> Scanner::open(const Slot& slot) {
  const auto* header = slot.header();
  if (slots_.newest && header->id == state_.highest) return std::move(slots_.newest);
  return open_slot(wal_, slot.name, {.direct = true});
}

/// `end`: what the successor names; nothing for the last segment. False when the log ends here, at
/// damage.
Result<bool> Scanner::read_segment(const Slot& slot, std::optional<std::uint64_t> end) {
  if (auto begun = replay_.begin_segment(*slot.header()); !begun) {
    return refuse_segment(slot, begun.error());
  }
  const auto file = SILT_TRY(open(slot));
  SegmentReader reader(channel_, *file, slot.header()->nonce, memory_);
  pieces_.headers(slot, PieceState::valid);
  const std::uint64_t records_before = replay_.records();
  const WalkEnd walked =
      SILT_TRY(SegmentWalk(reader, slot, end, replay_, pieces_, options_.read_only).run());
  state_.chain.push_back(
      {slot.name, *slot.header(), walked.end, replay_.records() - records_before});
  state_.clean_end = walked.clean_end;
  if (walked.is_damage) {
    SILT_TRY(end_at_damage(slot, walked, reader));
    return false;
  }

  const std::uint64_t size = SILT_TRY(reader.size());
  replay_.drop_unfinished();
  pieces_.release(PieceState::torn_tail);
  if (end || walked.clean_end) {
    pieces_.range(slot, PieceState::voided, walked.stop, end ? size : walked.dirty_end);
  } else {
    const Error* why = walked.fault ? &*walked.fault : nullptr;
    pieces_.range(slot, PieceState::torn_tail, walked.stop, walked.dirty_end, why);
    state_.dropped_bytes += walked.dirty_end - walked.end;
  }
  if (!end) pieces_.range(slot, PieceState::unused, walked.dirty_end, size);
  return true;
}

/// A segment that does not continue the log has no place in it, whatever its frames are.
Result<bool> Scanner::refuse_segment(const Slot& slot, const Error& why) {
  Error error = base::at_place(why, slot.path, 0);
  if (options_.mode == RecoveryMode::strict || state_.chain.empty()) {
    pieces_.headers(slot, PieceState::damaged);
    return std::unexpected(std::move(error));
  }
  if (!state_.damage) state_.damage = std::move(error);
  SILT_TRY(give_up_slot(slot));
  return false;
}

Result<void> Scanner::end_at_damage(const Slot& slot, const WalkEnd& walk, SegmentReader& reader) {
  const bool is_ours = walk.fault->code() == ErrorCode::corruption;
  if (options_.mode == RecoveryMode::strict || !is_ours) {
    pieces_.release(PieceState::given_up);
    pieces_.range(slot, PieceState::damaged, walk.stop, walk.stop + kBlockBytes, &*walk.fault);
    return std::unexpected(*walk.fault);
  }
  if (!state_.damage) state_.damage = walk.fault;
  replay_.drop_unfinished();
  pieces_.release(PieceState::given_up);
  const std::uint64_t size = SILT_TRY(reader.size());
  state_.dropped_bytes += size - std::min(size, walk.end);
  return give_up_from(slot, reader, walk.stop, &*walk.fault);
}

Result<void> Scanner::give_up_slot(const Slot& slot) {
  state_.given_up.push_back(slot.name);
  state_.dropped_bytes += slot.size_bytes;
  const auto* header = slot.header();
  pieces_.headers(slot, header != nullptr ? PieceState::given_up : PieceState::damaged);
  if (header == nullptr) return {};
  state_.next = std::max(state_.next, header->first);
  const auto file = SILT_TRY(open(slot));
  SegmentReader reader(channel_, *file, header->nonce, memory_);
  return give_up_from(slot, reader, kFirstFrameOffset, nullptr);
}

/// Tells what is there from `from` on, and remembers the sequences, so that none is given a second
/// time. `why` the first block does not count, whatever it holds; null if it may be a frame.
Result<void> Scanner::give_up_from(const Slot& slot, SegmentReader& reader, std::uint64_t from,
                                   const Error* why) {
  const std::uint64_t size = SILT_TRY(reader.size());
  std::uint64_t begin = from;  // of blocks without frames, all in one state
  PieceState state = PieceState::damaged;
  for (std::uint64_t offset = from; offset < size;) {
    const bool is_known_bad = why != nullptr && offset == from;
    const Frame frame = SILT_TRY(reader.read(offset));
    const bool is_frame = frame.check == FrameCheck::valid && !is_known_bad;
    const bool is_zero = !is_known_bad && SILT_TRY(reader.probe(offset)).is_zero;
    const PieceState here = is_zero ? PieceState::unused : PieceState::damaged;
    if (is_frame || here != state) {
      pieces_.range(slot, state, begin, offset, begin == from ? why : nullptr);
      begin = offset;
      state = here;
    }
    if (is_frame) {
      pieces_.frame(slot, PieceState::given_up, frame);
      pieces_.lost_records(frame);
      const base::Sequence behind = frame.header.first + frame.header.operations;
      state_.next = std::max(state_.next, std::min(behind, base::kMaxSequence + 1));
      begin = offset + frame.extent;
    }
    offset += is_frame ? frame.extent : kBlockBytes;
  }
  pieces_.range(slot, state, begin, size, begin == from ? why : nullptr);
  return {};
}

}  // namespace

Result<LogState> scan_log(io::Directory& wal, io::Channel& channel, const ScanOptions& options,
                          LogSink& sink) {
  return Scanner(wal, channel, options, sink).run();
}

}  // namespace siltstone::wal
