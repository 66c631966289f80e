// UringStorage: see uring_storage.h.
#include "io/uring_storage.h"

#include <algorithm>

#include "base/try.h"
#include "io/posix_storage.h"
#include "io/uring_queue.h"

namespace siltstone::io {
namespace {

/// A ring of this kind that has carried out real operations; its setup is what the kernel granted.
Result<std::unique_ptr<Ring>> proven(const RingSetup& wish) {
  auto ring = SILT_TRY(Ring::open(wish));
  SILT_TRY(ring->prove());
  return ring;
}

}  // namespace

// Polling the device cannot be proved with a file in memory. The first direct transfer is the
// proof: a device that cannot be polled answers EOPNOTSUPP, and its queue goes on without.
UringStorage::UringStorage(const UringOptions& options) {
  RingSetup wish{
      .depth = std::clamp(options.ring_depth, 1U, kMaxRingDepth),
      .sqpoll = options.sqpoll,
  };
  auto ring = proven(wish);
  if (!ring && wish.sqpoll) {
    report_.why_no_sqpoll = ring.error();
    wish.sqpoll = false;
    ring = proven(wish);
  }
  if (!ring) {
    report_.why_no_ring = ring.error();
    return;
  }
  RingSetup granted = (*ring)->setup();
  report_.depth = (*ring)->depth();
  report_.exclusive = granted.exclusive;
  report_.sqpoll = granted.sqpoll;
  granted.iopoll = options.iopoll;
  if (granted.sqpoll) {
    anchor_ = std::move(*ring);
    granted.share_with = anchor_->descriptor();
  }
  state_ = std::make_unique<UringState>(granted);
}

UringStatistics UringStorage::statistics() const noexcept {
  return state_ != nullptr ? state_->statistics() : UringStatistics{};
}

UringReport UringStorage::report() const {
  UringReport report = report_;
  if (state_ == nullptr) return report;
  report.iopoll = state_->setup().iopoll;
  report.why_no_iopoll = state_->why_no_iopoll();
  return report;
}

Result<std::unique_ptr<Directory>> UringStorage::open_directory(std::string_view path) {
  return posix_storage().open_directory(path);
}

Result<void> UringStorage::make_directory(std::string_view path) {
  return posix_storage().make_directory(path);
}

Result<std::unique_ptr<Queue>> UringStorage::make_queue(std::size_t depth) {
  if (state_ == nullptr) return posix_storage().make_queue(depth);
  const std::size_t most =
      std::min<std::size_t>(std::max<std::size_t>(depth, state_->setup().depth), kMaxRingDepth);
  auto plain = SILT_TRY(posix_storage().make_queue(most));
  return std::make_unique<UringQueue>(*state_, std::move(plain), most);
}

}  // namespace siltstone::io
