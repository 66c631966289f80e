// Segments made by hand: right checksums over whatever a test, or an attacker, wants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "wal/frame_batch.h"
#include "wal/log_world.h"
#include "wal/record.h"
#include "wal/wal_format.h"

namespace siltstone::wal {

inline base::StoreId test_store() {
  base::StoreId id;
  id.bytes.fill(std::byte{5});
  return id;
}

/// Segment `id` behind the place `predecessor`, in the session of its own number.
inline SegmentHeader test_header(std::uint64_t id, LogPlace predecessor = {},
                                 base::Sequence first = base::Sequence{1}) {
  SegmentHeader header;
  header.store = test_store();
  header.id = base::SegmentId{id};
  header.nonce = 1000 + id;
  header.predecessor = predecessor;
  header.first = first;
  header.ring = {base::SessionId{id}, base::RingPosition{}};
  return header;
}

class Forge {
 public:
  explicit Forge(const SegmentHeader& header)
      : header_(header), next_(header.first), ring_(header.ring), bytes_(kFirstFrameOffset) {
    encode(header, std::span(bytes_).subspan<0, kSegmentHeaderBytes>());
    encode(header, std::span(bytes_).subspan<kBlockBytes, kSegmentHeaderBytes>());
  }

  /// The frames from here on are of one drain.
  Forge& begin_drain() {
    drain_ = end();
    return *this;
  }
  /// What the next frame says of itself when nothing is wrong with it.
  [[nodiscard]] FrameHeader proper(FrameKind kind) const {
    FrameHeader frame;
    frame.kind = kind;
    frame.first = next_;
    frame.watermark = drain_.value_or(end());
    frame.ring = ring_;
    return frame;
  }
  /// A frame with this payload, as it is stored.
  Forge& frame(const FrameHeader& header, base::Bytes stored = {}) {
    FrameBatch batch(header_.nonce, bytes_.size(), kMaxFrameBytes);
    std::ranges::copy(stored, batch.payload().begin());
    batch.seal(header);
    bytes_.insert(bytes_.end(), batch.bytes().begin(), batch.bytes().end());
    return *this;
  }
  /// A proper frame with these commits.
  Forge& commit(std::span<const Commit> commits) {
    FrameHeader header = proper(FrameKind::records);
    std::vector<std::byte> payload;
    for (const Commit& commit : commits) {
      const auto record = encode_record(ring_, next_, commit.count, commit.entries);
      append(payload, record.header);
      append(payload, base::as_bytes(commit.entries));
      ring_.position += record.size();
      next_ += commit.count;
      header.records += 1;
      header.operations += commit.count;
    }
    header.ring = ring_;
    header.raw_bytes = header.stored_bytes = static_cast<std::uint32_t>(payload.size());
    return frame(header, payload);
  }
  Forge& commit(const Commit& commit) { return this->commit(std::span(&commit, 1)); }
  Forge& raw(base::Bytes bytes) {
    append(bytes_, bytes);
    return *this;
  }

  void plant(LogWorld& world, std::uint64_t slot) const {
    world.storage.plant(slot_path(slot), bytes_);
  }
  [[nodiscard]] LogPlace end() const { return {header_.id, bytes_.size()}; }
  [[nodiscard]] base::Sequence next() const { return next_; }
  [[nodiscard]] RingPlace ring() const { return ring_; }
  [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }

 private:
  static void append(std::vector<std::byte>& out, base::Bytes bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
  }

  SegmentHeader header_;
  base::Sequence next_;
  RingPlace ring_;
  std::optional<LogPlace> drain_;  // none: each frame is a drain
  std::vector<std::byte> bytes_;
};

}  // namespace siltstone::wal
