// Sizes of blocks: a page as stored, sixteen entries at least, little waste of frames.
#include "table/block_sizing.h"

#include <cmath>

#include <doctest/doctest.h>

#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::table;
using base::Codec;

namespace {

// Blocks as a table with entries of one size would have them, each compressing to `ratio` give or
// take; what the last hundred came to.
struct Outcome {
  BlockLimits limits;
  double pages = 0;      // per block, as stored
  double page_fill = 0;  // of the pages a block begins
  double frame_fill = 0;
};

Outcome settle(BlockSizing& sizing, double entry_bytes, double ratio, double spread) {
  support::Rng rng(1);
  Outcome outcome;
  constexpr int kBlocks = 400;
  constexpr int kCounted = 100;
  for (int i = 0; i < kBlocks; ++i) {
    outcome.limits = sizing.limits();
    const auto frame = static_cast<double>(outcome.limits.frame_bytes);
    const double in_frame = (frame - 40) * entry_bytes / (entry_bytes + 7);
    const double room = std::min(static_cast<double>(outcome.limits.raw_bytes), in_frame);
    const double entries = std::max(1.0, std::floor(room / entry_bytes));
    const double raw = entries * entry_bytes;
    const double around = 2 * static_cast<double>(rng.below(1000)) / 999 - 1;
    const double stored = std::min(raw, raw * (ratio + spread * around));
    sizing.record(static_cast<std::uint32_t>(entries), static_cast<std::size_t>(raw),
                  sizing.codec(), static_cast<std::size_t>(stored));
    if (i < kBlocks - kCounted) continue;
    const double pages = std::ceil((stored + 16) / 4096);
    outcome.pages += pages / kCounted;
    outcome.page_fill += stored / (pages * 4096) / kCounted;
    outcome.frame_fill += raw * (1 + 7 / entry_bytes) / frame / kCounted;
  }
  return outcome;
}

}  // namespace

TEST_CASE("block sizing: what does not compress fills a frame and a page of 4 KiB") {
  BlockSizing sizing(Codec::none, 120);
  const Outcome outcome = settle(sizing, 120, 1, 0);
  CHECK(outcome.limits.frame_bytes == 4096);
  CHECK(outcome.limits.raw_bytes == 4080);
  CHECK(outcome.pages == doctest::Approx(1));
  CHECK(outcome.page_fill > 0.9);
  CHECK(outcome.frame_fill > 0.95);
}

TEST_CASE("block sizing: what compresses fills a page as it is stored, and seldom needs another") {
  for (const double ratio : {0.3, 0.45, 0.58, 0.7}) {
    for (const double spread : {0.0, 0.03}) {
      CAPTURE(ratio);
      CAPTURE(spread);
      BlockSizing sizing(Codec::snappy, 120);
      const Outcome outcome = settle(sizing, 120, ratio, spread);
      CHECK(outcome.pages < 1.05);
      CHECK(outcome.page_fill > 0.8);
      CHECK(outcome.frame_fill > 0.7);
    }
  }
}

TEST_CASE("block sizing: sixteen entries to a block, until frames end at 64 KiB") {
  for (const double entry_bytes : {300, 1'000, 2'000, 3'900}) {
    CAPTURE(entry_bytes);
    BlockSizing sizing(Codec::none, 100);  // expected otherwise
    const Outcome outcome = settle(sizing, entry_bytes, 1, 0);
    CHECK(static_cast<double>(outcome.limits.raw_bytes) >= 16 * entry_bytes);
    CHECK(static_cast<double>(outcome.limits.raw_bytes) < 21 * entry_bytes + 4096);
    CHECK(outcome.frame_fill > 0.8);
  }
  BlockSizing sizing(Codec::none, 20'000);
  CHECK(sizing.limits().frame_bytes == kMaxFrameBytes);
}

TEST_CASE("block sizing: a frame that was asked for is filled whatever the blocks come to") {
  BlockSizing sizing(Codec::snappy, 120, 16'384);
  const Outcome outcome = settle(sizing, 120, 0.5, 0.1);
  CHECK(outcome.limits.frame_bytes == 16'384);
  CHECK(outcome.frame_fill > 0.95);
}

TEST_CASE("block sizing: a codec that is no use is tried seldom, and again when it is of use") {
  BlockSizing sizing(Codec::snappy, 120);
  int tried = 0;
  for (int i = 0; i < 1000; ++i) {
    const Codec codec = sizing.codec();
    tried += codec == Codec::snappy ? 1 : 0;
    sizing.record(33, 4000, codec, 4000);
  }
  CHECK(tried > 1000 / 20);
  CHECK(tried < 1000 / 12);
  int blocks = 0;
  while (sizing.codec() == Codec::none) {
    sizing.record(33, 4000, Codec::none, 4000);
    REQUIRE(++blocks < 16);
  }
  sizing.record(33, 4000, Codec::snappy, 2000);
  for (int i = 0; i < 8; ++i) {
    CHECK(sizing.codec() == Codec::snappy);
    sizing.record(33, 4000, Codec::snappy, 4000);
  }
  CHECK(sizing.codec() == Codec::none);
}
