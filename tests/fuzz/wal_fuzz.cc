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
#include <span>
#include <string>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "log_checks.h"
#include "support/sim_storage.h"
#include "wal/wal_format.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

constexpr std::uint16_t kNextSlot = 0xffff;
constexpr std::size_t kMaxSlots = 8;
constexpr std::size_t kMaxBlocks = 64;

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
