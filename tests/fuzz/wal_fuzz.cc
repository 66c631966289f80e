// Fuzz target: any bytes in wal/ are opened to a log or an error.
//
// Checked: no crash, no hang, no memory beyond the input's size times a constant (-rss_limit_mb);
// reading twice gives the same; a strict reading is never longer than one that truncates; what was
// opened can be written to, and is all there, with the new commit behind it, at the next open.
//
// The input describes segments sparsely, so that the padding of blocks need not be found:
//   u8 flags: bit 0: repair checksums; bit 1: buffered machine
//   chunks: u16 size, bytes: a run of blocks, padded with zeros. Size 0xffff: the next slot.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "support/sim_storage.h"
#include "wal/log.h"
#include "wal/record.h"
#include "wal/wal_format.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

constexpr std::uint16_t kNextSlot = 0xffff;
constexpr std::size_t kMaxSlots = 8;
constexpr std::size_t kMaxBlocks = 64;

void require(bool condition) {
  if (!condition) std::abort();
}

class FixedEntropy final : public io::Entropy {
 public:
  void fill(std::span<std::byte> out) noexcept override {
    for (auto& byte : out) byte = static_cast<std::byte>(++last_ * 37);
  }

 private:
  std::uint8_t last_ = 0;
};

class Commits final : public LogSink {
 public:
  Result<void> record(const Record& record) override {
    Entry entry;
    EntryReader reader(record.entries);
    std::uint32_t count = 0;
    while (reader.next(entry)) ++count;
    require(count == record.count);  // as the sink was promised
    require(sequences.empty() || record.first.value() > sequences.back());
    sequences.push_back(record.last().value());
    entries.emplace_back(record.entries);
    return {};
  }

  std::vector<std::uint64_t> sequences;
  std::vector<std::string> entries;
};

std::vector<std::vector<std::byte>> unfold(base::Reader& input) {
  std::vector<std::vector<std::byte>> slots(1);
  std::size_t blocks = 0;
  while (input.remaining() >= 2) {
    const std::uint16_t size = input.u16();
    if (size == kNextSlot) {
      if (slots.size() == kMaxSlots) break;
      slots.emplace_back();
      continue;
    }
    const auto bytes = input.bytes(std::min<std::size_t>(size, input.remaining()));
    auto& slot = slots.back();
    slot.insert(slot.end(), bytes.begin(), bytes.end());
    slot.resize((slot.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
    if ((blocks += bytes.size() / kBlockBytes + 1) > kMaxBlocks) break;
  }
  return slots;
}

void put_u32(std::span<std::byte> out, std::uint32_t value) {
  base::Writer(out.first(4)).u32(value);
}

/// Gives records the checksums of the places that the frame's ring position implies.
void repair_records(std::span<std::byte> payload, base::SessionId session, std::uint64_t position) {
  while (payload.size() >= kRecordHeaderBytes) {
    const std::uint64_t size = record_size(payload.first<kRecordHeaderBytes>());
    if (size > payload.size()) return;
    const auto record = payload.first(static_cast<std::size_t>(size));
    RecordChecksum checksum({session, base::RingPosition{position}});
    checksum.add(record);
    put_u32(record.subspan(4), checksum.value());
    position += size;
    payload = payload.subspan(record.size());
  }
}

/// An attacker can compute checksums too.
void repair(std::vector<std::byte>& slot) {
  if (slot.size() < kFirstFrameOffset) return;
  const auto copy = std::span(slot).first(kSegmentHeaderBytes);
  put_u32(copy.subspan(8), base::seal_crc32c(base::crc32c(0, copy.subspan(12))));
  const auto header = decode_segment_header(copy, true);
  const std::uint64_t nonce = header.header.nonce;
  for (std::size_t at = kFirstFrameOffset; at + kFrameHeaderBytes <= slot.size();
       at += kBlockBytes) {
    const auto frame = std::span(slot).subspan(at);
    base::Reader fields(frame.first(kFrameHeaderBytes));
    if (base::as_text(fields.bytes(4)) != "SFRM") continue;
    static_cast<void>(fields.bytes(9));
    const bool is_raw = fields.u8() == 0;
    static_cast<void>(fields.bytes(2));
    const std::uint32_t stored = fields.u32();
    if (stored > frame.size() - kFrameHeaderBytes) continue;
    static_cast<void>(fields.bytes(36));
    const base::SessionId session{fields.u64()};
    const std::uint64_t position = fields.u64();
    const auto payload = frame.subspan(kFrameHeaderBytes, stored);
    if (is_raw) repair_records(payload, session, position - stored);
    put_u32(frame.subspan(8), frame_payload_checksum(payload, nonce, at));
    const std::uint32_t seed = base::crc32c_seed(nonce, at);
    put_u32(frame.subspan(4),
            base::seal_crc32c(base::crc32c(seed, frame.first(kFrameHeaderBytes).subspan(8))));
  }
}

void check_readings(support::SimStorage& storage, io::Directory& dir) {
  Commits strict, again, kept;
  const auto state = read_log(storage, dir, RecoveryMode::strict, strict);
  const auto same = read_log(storage, dir, RecoveryMode::strict, again);
  const auto truncated = read_log(storage, dir, RecoveryMode::truncate, kept);
  require(state.has_value() == same.has_value());
  require(strict.entries == again.entries);
  if (state) require(truncated && !truncated->damage && kept.entries == strict.entries);
  if (!state) require(strict.entries.size() <= kept.entries.size() || !truncated);
}

void check_open(support::SimStorage& storage, io::Directory& dir) {
  FixedEntropy entropy;
  io::Environment environment;
  environment.storage = &storage;
  environment.entropy = &entropy;
  Commits found;
  {
    auto log = open_log(environment, dir, {.recovery = RecoveryMode::truncate}, found);
    if (!log) return;
    std::string entry;
    append_entry(entry, EntryKind::value, "key", "value");
    SegmentWriter& writer = *log->writer;
    if (writer.next() > base::kMaxSequence) return;  // the sequences are used up
    const auto record = encode_record(writer.ring(), writer.next(), 1, entry);
    require(writer.drain(wal::range_of(record)).has_value());
    found.entries.push_back(entry);
  }
  Commits again;
  const auto log = open_log(environment, dir, {.recovery = RecoveryMode::strict}, again);
  require(log.has_value());
  require(again.entries == found.entries);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Reader input(std::as_bytes(std::span(data, size)));
  const std::uint8_t flags = input.u8();
  auto slots = unfold(input);
  support::SimStorageOptions machine;
  machine.direct_io = (flags & 2) == 0;
  support::SimStorage storage(1, machine);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if ((flags & 1) != 0) repair(slots[i]);
    storage.plant("db/wal/" + std::to_string(i), slots[i]);
  }
  const auto dir = storage.open_directory("db");
  require(dir.has_value());
  check_readings(storage, **dir);
  check_open(storage, **dir);
  return 0;
}
