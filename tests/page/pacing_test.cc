// The small parts of writing: the pacer's bucket, the frame pool, and the meter's windows.
#include <chrono>
#include <vector>

#include <doctest/doctest.h>

#include "page/frame_pool.h"
#include "page/pacer.h"
#include "page/page_stats.h"
#include "support/sim_clock.h"

namespace siltstone::page {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("pacer: no rate, no limit") {
  Pacer pacer;
  for (int i = 0; i < 10; ++i) CHECK(pacer.spend(std::uint64_t{1} << 30, io::Time{}));
  CHECK(pacer.ready(io::Time{}) == io::Time{});
}

TEST_CASE("pacer: over time it lets through the rate, after one burst") {
  Pacer pacer;
  pacer.set_rate(10'000'000);
  io::Time now{seconds(5)};
  std::uint64_t bytes = 0;
  const io::Time end = now + seconds(10);
  while (now < end) {
    if (pacer.spend(100'000, now)) {
      bytes += 100'000;
    } else {
      REQUIRE(pacer.ready(now) > now);
      now = pacer.ready(now);
    }
  }
  CHECK(bytes >= 100'000'000);
  CHECK(bytes <= 100'000'000 + Pacer::kBurstBytes + 200'000);
}

TEST_CASE("pacer: a pause is good for one burst, not for more") {
  Pacer pacer;
  pacer.set_rate(1'000'000);
  const io::Time late{seconds(100)};
  std::uint64_t bytes = 0;
  while (pacer.spend(1000, late)) bytes += 1000;
  CHECK(bytes >= Pacer::kBurstBytes);
  CHECK(bytes <= Pacer::kBurstBytes + 1000);
}

TEST_CASE("frame pool: frames taken in turn lie side by side, and none is given twice") {
  FramePool pool = FramePool::make(8 * kPageBytes, base::PageKind::normal).value();
  REQUIRE(pool.size() == 8);
  std::vector<FrameIndex> taken;
  for (int i = 0; i < 8; ++i) taken.push_back(pool.take().value());
  for (std::size_t i = 1; i < taken.size(); ++i) {
    CHECK(pool.bytes(taken[i]).data() == pool.bytes(taken[i - 1]).data() + kPageBytes);
  }
  CHECK(pool.take() == std::nullopt);
  pool.give_back(taken[2]);
  CHECK(pool.available() == 1);
  CHECK(pool.take() == taken[2]);
}

TEST_CASE("stats_are_exact: completions per second, now and at the peak") {
  support::SimClock clock;
  Meter meter(clock);
  const auto complete = [&](int times) {
    for (int i = 0; i < times; ++i) {
      meter.ended(Operation::read, meter.started(), true, kPageBytes, 1);
    }
  };
  complete(30);
  clock.advance(Meter::kIopsWindow);
  complete(7);
  clock.advance(Meter::kIopsWindow);
  complete(1);
  const PageStats stats = meter.snapshot();
  CHECK(stats.peak_iops == 300);
  CHECK(stats.iops == 70);
  CHECK(stats.reads == 38);
  CHECK(stats.bytes_read == 38 * kPageBytes);
}

TEST_CASE("stats_are_exact: latency, depth and failures") {
  support::SimClock clock;
  Meter meter(clock);
  const io::Time first = meter.started();
  const io::Time second = meter.started();
  CHECK(meter.snapshot().depth() == 2);
  clock.advance(milliseconds(3));
  meter.ended(Operation::write, first, false, 0, 5);
  meter.ended(Operation::sync, second, true, 0, 0);
  const PageStats stats = meter.snapshot();
  CHECK(stats.depth() == 0);
  CHECK(stats.peak_depth == 2);
  CHECK(stats.failed == 1);
  CHECK(stats.vectored == 1);
  CHECK(stats.bytes_written == 0);
  CHECK(stats.write_latency.max() == 3'000'000);
  CHECK(stats.sync_latency.count() == 1);
}

}  // namespace siltstone::page
