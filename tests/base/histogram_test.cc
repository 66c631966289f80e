// Histograms: percentiles within the promised error of the exact ones; recorders lose nothing.
#include "base/histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/random.h"

using namespace siltstone;
using base::Histogram;
using base::LatencyRecorder;

namespace {

// Spread evenly over the powers of two from 64 ns to 17 s.
std::vector<std::uint64_t> random_latencies(std::size_t count, std::uint64_t seed) {
  base::Random random(seed);
  std::vector<std::uint64_t> latencies(count);
  for (auto& latency : latencies) {
    const std::uint64_t power = std::uint64_t{1} << random.between(6, 33);
    latency = power + random.below(power);
  }
  return latencies;
}

// By the definition: the least that at least this share does not exceed.
std::uint64_t exact_percentile(std::vector<std::uint64_t> sorted, double fraction) {
  const double rank = std::ceil(fraction * static_cast<double>(sorted.size()));
  return sorted[std::max(static_cast<std::size_t>(rank), std::size_t{1}) - 1];
}

void check_percentiles(const Histogram& histogram, std::vector<std::uint64_t> latencies) {
  std::sort(latencies.begin(), latencies.end());
  for (const double fraction : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    CAPTURE(fraction);
    const auto exact = static_cast<double>(exact_percentile(latencies, fraction));
    const auto told = static_cast<double>(histogram.percentile(fraction));
    CHECK(std::abs(told - exact) <= exact / 64);
  }
}

}  // namespace

TEST_CASE("histogram: percentiles are within 1/64 of the exact ones") {
  for (const std::uint64_t seed : {1UL, 2UL, 3UL}) {
    for (const std::size_t count : {1UL, 2UL, 10UL, 1000UL, 20'000UL}) {
      const auto latencies = random_latencies(count, seed);
      Histogram histogram;
      for (const auto latency : latencies) histogram.record(latency);
      CAPTURE(count);
      check_percentiles(histogram, latencies);
    }
  }
}

TEST_CASE("histogram: every bucket's middle is within 1/64 of its ends") {
  for (unsigned power = 6; power <= 33; ++power) {
    for (std::uint64_t part = 0; part < 32; ++part) {
      const std::uint64_t width = (std::uint64_t{1} << power) / 32;
      const std::uint64_t low = (32 + part) * width;
      const std::uint64_t high = low + width - 1;
      const std::size_t bucket = base::latency::bucket_of(low);
      REQUIRE(bucket == base::latency::bucket_of(high));
      REQUIRE(bucket == base::latency::bucket_of(low - 1) + 1);
      const std::uint64_t middle = base::latency::middle_of(bucket);
      REQUIRE(middle >= low);
      REQUIRE(middle <= high);
      REQUIRE((middle - low) * 64 <= low);
    }
  }
  CHECK(base::latency::bucket_of((std::uint64_t{1} << 34) - 1) == base::latency::kBuckets - 1);
}

TEST_CASE("histogram: count, sum, least and greatest are exact, also out of range") {
  Histogram histogram;
  CHECK(histogram.percentile(0.5) == 0);
  CHECK(histogram.min() == 0);
  CHECK(histogram.mean() == 0);
  const std::uint64_t hour = 3'600'000'000'000;
  for (const std::uint64_t latency : {std::uint64_t{3}, std::uint64_t{70}, hour}) {
    histogram.record(latency);
  }
  CHECK(histogram.count() == 3);
  CHECK(histogram.sum() == hour + 73);
  CHECK(histogram.min() == 3);
  CHECK(histogram.max() == hour);
  CHECK(histogram.mean() == doctest::Approx(static_cast<double>(hour + 73) / 3));
  CHECK(histogram.percentile(0) < 64);
  CHECK(histogram.percentile(1) == hour);
}

TEST_CASE("histogram: merged ones are as if all had been recorded in one") {
  const auto first = random_latencies(500, 4);
  auto all = random_latencies(700, 5);
  Histogram one;
  Histogram other;
  for (const auto latency : first) one.record(latency);
  for (const auto latency : all) other.record(latency);
  one.merge(other);
  all.insert(all.end(), first.begin(), first.end());
  CHECK(one.count() == all.size());
  CHECK(one.max() == *std::max_element(all.begin(), all.end()));
  CHECK(one.min() == *std::min_element(all.begin(), all.end()));
  check_percentiles(one, all);
  one.merge(Histogram());
  CHECK(one.min() == *std::min_element(all.begin(), all.end()));
}

TEST_CASE("histogram: a latency that stands for several counts as if they had been recorded") {
  Histogram weighted;
  Histogram single;
  for (const std::uint64_t latency : random_latencies(100, 4)) {
    weighted.record(latency, 3);
    for (int i = 0; i < 3; ++i) single.record(latency);
  }
  CHECK(weighted.count() == single.count());
  CHECK(weighted.sum() == single.sum());
  CHECK(weighted.percentile(0.9) == single.percentile(0.9));
}

TEST_CASE("latency recorder: threads record, one reads meanwhile, nothing is lost") {
  std::vector<std::unique_ptr<LatencyRecorder>> recorders;
  std::vector<std::thread> threads;
  std::vector<std::uint64_t> all;
  for (std::uint64_t t = 0; t < 3; ++t) {
    auto latencies = random_latencies(5000, t);
    all.insert(all.end(), latencies.begin(), latencies.end());
    auto& recorder = *recorders.emplace_back(std::make_unique<LatencyRecorder>());
    threads.emplace_back([&recorder, mine = std::move(latencies)] {
      for (const auto latency : mine) recorder.record(latency);
    });
  }
  for (int i = 0; i < 20; ++i) {
    Histogram partial;
    for (const auto& recorder : recorders) recorder->add_to(partial);
    CHECK(partial.count() <= all.size());
  }
  for (auto& thread : threads) thread.join();
  Histogram histogram;
  for (const auto& recorder : recorders) recorder->add_to(histogram);
  std::uint64_t sum = 0;
  for (const auto latency : all) sum += latency;
  CHECK(histogram.count() == all.size());
  CHECK(histogram.sum() == sum);
  check_percentiles(histogram, all);
}
