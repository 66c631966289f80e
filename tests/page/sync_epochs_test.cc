// Epochs: what a sync covers, and what a failed one taints.
#include "page/sync_epochs.h"

#include <doctest/doctest.h>

namespace siltstone::page {
namespace {

constexpr Extent kA{base::PageNumber(16), 16};
constexpr Extent kB{base::PageNumber(32), 16};

void write(SyncEpochs& epochs, const Extent& extent, WriteOutcome outcome = WriteOutcome::done) {
  epochs.write_started(extent);
  epochs.write_ended(extent, outcome);
}

}  // namespace

TEST_CASE("sync epochs: a good sync covers the writes that ended before it") {
  SyncEpochs epochs;
  CHECK(epochs.is_durable(kA));
  write(epochs, kA);
  CHECK(!epochs.is_durable(kA));
  const Epoch epoch = epochs.begin_sync();
  write(epochs, kB);
  epochs.end_sync(epoch, true);
  CHECK(epochs.is_durable(kA));
  CHECK(!epochs.is_durable(kB));
  CHECK(epochs.last_good() == epoch);
}

TEST_CASE("sync epochs: a write under way, or ended while the sync ran, is not covered") {
  SyncEpochs epochs;
  epochs.write_started(kA);
  Epoch epoch = epochs.begin_sync();
  epochs.write_ended(kA, WriteOutcome::done);
  epochs.end_sync(epoch, true);
  CHECK(!epochs.is_durable(kA));

  epochs.write_started(kB);
  epoch = epochs.begin_sync();
  epochs.end_sync(epoch, true);
  CHECK(epochs.is_durable(kA));
  CHECK(!epochs.is_durable(kB));
}

TEST_CASE("D1: a failed sync taints all that was written since the last good one, for good") {
  SyncEpochs epochs;
  constexpr Extent kDurable{base::PageNumber(48), 16};
  write(epochs, kDurable);
  epochs.end_sync(epochs.begin_sync(), true);
  write(epochs, kA);
  const Epoch epoch = epochs.begin_sync();
  epochs.write_started(kB);  // under way
  epochs.end_sync(epoch, false);
  CHECK(epochs.is_tainted(kA));
  CHECK(epochs.is_tainted(kB));
  CHECK(!epochs.is_tainted(kDurable));

  // The next sync says 0, and proves nothing.
  epochs.write_ended(kB, WriteOutcome::done);
  epochs.end_sync(epochs.begin_sync(), true);
  CHECK(epochs.is_tainted(kA));
  CHECK(!epochs.is_durable(kA));
  CHECK(!epochs.is_durable(kB));

  epochs.forget(kA);
  CHECK(!epochs.is_tainted(kA));
}

TEST_CASE("D8: a failed write taints its extent although the sync after it succeeds") {
  SyncEpochs epochs;
  write(epochs, kA, WriteOutcome::failed);
  write(epochs, kB);
  epochs.end_sync(epochs.begin_sync(), true);
  CHECK(epochs.is_tainted(kA));
  CHECK(!epochs.is_durable(kA));
  CHECK(epochs.is_durable(kB));
}

TEST_CASE("E1: a write refused for want of space taints nothing") {
  SyncEpochs epochs;
  write(epochs, kA, WriteOutcome::refused);
  write(epochs, kA);
  epochs.end_sync(epochs.begin_sync(), true);
  CHECK(epochs.is_durable(kA));
}

}  // namespace siltstone::page
