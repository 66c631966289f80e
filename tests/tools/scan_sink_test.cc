// The sink of scans: counts every entry, stops in time, and finds each kind of wrong entry.
#include "scan_sink.h"

#include <string>

#include <doctest/doctest.h>

#include "keys.h"
#include "progress.h"
#include "values.h"

using namespace siltstone;
using namespace siltstone::kvbench;

namespace {

struct Fixture {
  Values values{100, 0.5, 1};
  KeyWriter keys{16};
  Sampler sampler;
  Progress progress{"test", 1000};

  /// Gives the sink entry `number`, with the value of entry `value_of`.
  bool give(ScanSink& sink, std::uint64_t number, std::uint64_t value_of) {
    return sink.take(keys.write(number), values.of(value_of));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "scan sink: takes up to the limit, whatever is timed or checked") {
  for (const bool check : {false, true}) {
    for (const std::uint64_t limit : {1u, 2u, 63u, 64u, 65u, 5000u}) {
      CAPTURE(limit);
      ScanSink sink(limit, check ? &values : nullptr, sampler, progress);
      std::uint64_t given = 0;
      do ++given;
      while (give(sink, given - 1, given - 1) && given < limit + 10);
      CHECK(given == limit);
      CHECK(sink.count() == limit);
      CHECK(sink.bytes() == limit * 116);
      CHECK(sink.status());
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "scan sink: the times of all entries are told") {
  ScanSink sink(100'000, nullptr, sampler, progress);
  for (std::uint64_t i = 0; give(sink, i, i);) ++i;
  CHECK(sampler.samples() > 0);
  const auto counted = static_cast<double>(sampler.latency().count());
  CHECK(counted == doctest::Approx(100'000).epsilon(0.05));
}

TEST_CASE_FIXTURE(Fixture, "scan sink: a wrong value, a gap and a repetition end the scan") {
  const auto wrong_entry = [&](std::uint64_t number, std::uint64_t value_of) {
    ScanSink sink(100, &values, sampler, progress);
    REQUIRE(give(sink, 0, 0));
    REQUIRE(give(sink, 1, 1));
    CHECK_FALSE(give(sink, number, value_of));
    REQUIRE_FALSE(sink.status());
    CHECK(sink.status().error().code() == ErrorCode::corruption);
  };
  wrong_entry(2, 3);
  wrong_entry(3, 3);
  wrong_entry(1, 1);
}
