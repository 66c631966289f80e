// See bare_ring.h.
#include "studies/bare_ring.h"

#include <utility>

#include "base/try.h"
#include "io/environment.h"
#include "wal/log.h"
#include "wal/record.h"
#include "wal/tail.h"

namespace siltstone::kvbench {
namespace {

// As the store has them.
constexpr std::size_t kMostRingBytes = std::size_t{8} << 20;
constexpr std::size_t kDrainShare = 4;
constexpr int kDrainNice = 10;

/// A new log has nothing in it.
class NoSink final : public wal::LogSink {
 public:
  [[nodiscard]] Result<void> record(const wal::Record&) override { return {}; }
};

}  // namespace

BareRing::BareRing(wal::Ring ring, std::unique_ptr<wal::SegmentWriter> log, Drains drains)
    : ring_(std::move(ring)),
      log_(std::move(log)),
      drains_(drains),
      next_(log_->next()),
      handed_over_(ring_.head().position) {}

Result<std::unique_ptr<BareRing>> BareRing::make(const std::string& dir, Drains drains) {
  const io::Environment system = io::system_environment();
  const auto directory = SILT_TRY(system.storage->open_directory(dir));
  NoSink sink;
  auto log = SILT_TRY(wal::open_log(system, *directory, {}, sink));
  const auto tail = SILT_TRY(wal::TailWriter::open(*system.storage, *directory, kMostRingBytes));
  auto mapping = SILT_TRY(tail->map());
  auto ring = SILT_TRY(wal::Ring::make(tail->capacity(), log.writer->ring(), std::move(mapping)));
  std::unique_ptr<BareRing> bare(new BareRing(std::move(ring), std::move(log.writer), drains));
  bare->worker_ = SILT_TRY(system.executor->start("bare-drain", kDrainNice, *bare));
  return bare;
}

Result<void> BareRing::put(std::string_view key, std::string_view value) {
  entries_.clear();
  wal::append_entry(entries_, wal::EntryKind::value, key, value);
  const auto record = wal::encode_record(ring_.head(), next_, 1, entries_);
  if (!busy_.load(std::memory_order_acquire)) SILT_TRY(hand_over());
  while (record.size() > ring_.capacity() - ring_.used()) {
    busy_.wait(true, std::memory_order_acquire);
    SILT_TRY(hand_over());
  }
  SILT_TRY(ring_.prepare(record.size()));
  ring_.append(record);
  next_ += 1;
  return {};
}

// The drain is not busy: what it had is durable, and it gets what came meanwhile, if it is enough.
Result<void> BareRing::hand_over() {
  if (drains_ == Drains::never) {
    if (ring_.used() > ring_.capacity() / 2) ring_.release(ring_.head().position);
    return {};
  }
  SILT_TRY(outcome_);
  ring_.release(handed_over_);
  if (ring_.used() < ring_.capacity() / kDrainShare) return {};
  range_ = ring_.range(handed_over_, ring_.head().position);
  handed_over_ = ring_.head().position;
  busy_.store(true, std::memory_order_release);
  worker_->wake();
  return {};
}

io::Time BareRing::step() noexcept {
  if (!busy_.load(std::memory_order_acquire)) return io::kNever;
  outcome_ = log_->drain(range_);
  busy_.store(false, std::memory_order_release);
  busy_.notify_one();
  return io::kNever;
}

}  // namespace siltstone::kvbench
