// The sampler: times everything while that is cheap, else a sample that stands for everything.
#include "sampler.h"

#include <doctest/doctest.h>

using siltstone::kvbench::Sampler;

/// Plays `ops` operations that take `latency_ns` each.
static void play(Sampler& sampler, std::uint64_t ops, std::uint64_t latency_ns) {
  for (std::uint64_t i = 0; i < ops; ++i) {
    if (sampler.due()) sampler.record(latency_ns);
  }
}

TEST_CASE("sampler: long operations are all timed") {
  Sampler sampler;
  play(sampler, 1000, 1'000'000);
  CHECK(sampler.samples() == 1000);
  CHECK(sampler.period() == 1);
}

TEST_CASE("sampler: of short operations a few are timed, and stand for all") {
  Sampler sampler;
  play(sampler, 1'000'000, 1);
  CHECK(sampler.period() > 8);
  CHECK(sampler.samples() < 200'000);
  CHECK(sampler.latency().count() >= 1'000'000 - sampler.period());
  CHECK(sampler.latency().count() <= 1'000'000 + sampler.period());
}

TEST_CASE("sampler: the period follows the operations, and the percentiles count operations") {
  Sampler sampler;
  play(sampler, 500'000, 1);
  play(sampler, 500'000, 1'000'000);
  CHECK(sampler.period() == 1);
  CHECK(sampler.latency().percentile(0.45) < 1000);
  CHECK(sampler.latency().percentile(0.55) > 900'000);
}
