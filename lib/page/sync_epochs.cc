// Epochs and taints: see sync_epochs.h.
#include "page/sync_epochs.h"

#include "base/assert.h"

namespace siltstone::page {

void SyncEpochs::write_started(const Extent& extent) { ++written_[extent.first.value()].under_way; }

void SyncEpochs::write_ended(const Extent& extent, WriteOutcome outcome) {
  const auto found = written_.find(extent.first.value());
  SILT_ASSERT(found != written_.end());
  Written& written = found->second;
  SILT_ASSERT(written.under_way > 0);
  --written.under_way;
  written.covered_by = next_;
  if (outcome == WriteOutcome::failed) written.tainted = true;
}

Epoch SyncEpochs::begin_sync() {
  SILT_ASSERT(!syncing_);
  syncing_ = true;
  return next_++;
}

void SyncEpochs::end_sync(Epoch epoch, bool good) {
  SILT_ASSERT(syncing_);
  SILT_ASSERT(epoch + 1 == next_);
  syncing_ = false;
  if (good) {
    last_good_ = epoch;
    std::erase_if(written_, [epoch](const auto& entry) {
      const Written& written = entry.second;
      return written.under_way == 0 && !written.tainted && written.covered_by <= epoch;
    });
  } else {
    for (auto& [first, written] : written_) written.tainted = true;
  }
}

bool SyncEpochs::is_durable(const Extent& extent) const noexcept {
  return !written_.contains(extent.first.value());
}

bool SyncEpochs::is_tainted(const Extent& extent) const noexcept {
  const auto found = written_.find(extent.first.value());
  return found != written_.end() && found->second.tainted;
}

void SyncEpochs::forget(const Extent& extent) {
  const auto found = written_.find(extent.first.value());
  if (found == written_.end()) return;
  SILT_ASSERT(found->second.under_way == 0);
  written_.erase(found);
}

}  // namespace siltstone::page
