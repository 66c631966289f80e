// Verdicts, from slots, frames and errors.
#include "wal/pieces.h"

#include <algorithm>

#include "wal/record.h"
#include "wal/tail.h"

namespace siltstone::wal {
namespace {

Verdict verdict_of(const Slot& slot, PieceState state, std::uint64_t begin, std::uint64_t end) {
  Verdict verdict;
  verdict.state = state;
  verdict.slot = slot.name;
  if (const auto* header = slot.header()) verdict.segment = header->id;
  verdict.offset = begin;
  verdict.length = end - begin;
  return verdict;
}

}  // namespace

std::string_view to_string(PieceState state) noexcept {
  switch (state) {
    case PieceState::valid: return "valid";
    case PieceState::mark: return "mark";
    case PieceState::torn_tail: return "torn tail";
    case PieceState::damaged: return "damaged";
    case PieceState::given_up: return "given up";
    case PieceState::voided: return "void";
    case PieceState::unused: return "unused";
  }
  return "unknown";
}

void Pieces::headers(const Slot& slot, PieceState state) {
  const std::uint64_t end = std::min(kFirstFrameOffset, slot.size_bytes);
  Verdict whole = wal::verdict_of(slot, state, 0, end);
  if (const auto* header = slot.header()) whole.first = header->first;
  sink_.verdict(whole);
  for (std::size_t i = 0; i < slot.copies.size(); ++i) {
    const DecodedSegmentHeader& copy = slot.copies[i];
    if (copy.state == HeaderState::valid) continue;
    Verdict bad =
        wal::verdict_of(slot, PieceState::damaged, i * kBlockBytes, (i + 1) * kBlockBytes);
    bad.why = reason(copy.state);
    if (copy.state == HeaderState::bad_checksum) {
      bad.expected = copy.expected_checksum;
      bad.actual = copy.actual_checksum;
    }
    sink_.verdict(bad);
  }
}

Verdict Pieces::verdict_of(const Slot& slot, const Frame& frame) noexcept {
  Verdict verdict =
      wal::verdict_of(slot, PieceState::valid, frame.offset, frame.offset + frame.extent);
  verdict.kind = frame.header.kind;
  verdict.codec = frame.header.codec;
  verdict.clean_end = (frame.header.flags & kCleanEnd) != 0;
  verdict.first = frame.header.first;
  verdict.records = frame.header.records;
  verdict.operations = frame.header.operations;
  return verdict;
}

void Pieces::frame(const Slot& slot, PieceState state, const Frame& frame) {
  Verdict verdict = verdict_of(slot, frame);
  verdict.state = state;
  sink_.verdict(verdict);
}

void Pieces::lost_records(const Frame& frame) {
  const std::uint64_t end = frame.header.ring.position.value();
  if (frame.header.kind != FrameKind::records || end < frame.raw.size()) return;
  RingPlace place{frame.header.ring.session, base::RingPosition{end - frame.raw.size()}};
  for (base::Bytes rest = frame.raw; !rest.empty();) {
    const auto record = next_record(rest, place);
    if (!record || !check_entries(*record)) return;
    sink_.lost(*record);
  }
}

void Pieces::range(const Slot& slot, PieceState state, std::uint64_t begin, std::uint64_t end,
                   const Error* why) {
  if (begin >= end) return;
  Verdict verdict = wal::verdict_of(slot, state, begin, end);
  if (why != nullptr) {
    verdict.why = why->message();
    verdict.expected = why->expected();
    verdict.actual = why->actual();
  }
  sink_.verdict(verdict);
}

void Pieces::hold(const Slot& slot, const Frame& frame) {
  held_.push_back(verdict_of(slot, frame));
}

void Pieces::release(PieceState state) {
  for (Verdict& verdict : held_) {
    verdict.state = state;
    sink_.verdict(verdict);
  }
  held_.clear();
}

}  // namespace siltstone::wal
