// The summary of several runs.
#include "measurement.h"

#include <doctest/doctest.h>

using namespace siltstone::kvbench;

static Measurement run_of(std::uint64_t ops) {
  Measurement run;
  run.tally.ops = ops;
  run.tally.user_bytes = ops * 116;
  run.seconds = 1;
  run.latency.record(1000 * ops);
  return run;
}

static Row row_of(std::initializer_list<std::uint64_t> ops) {
  Row row{find_engine("null"), find_workload("fillseq"), {}};
  for (const std::uint64_t each : ops) row.runs.push_back(run_of(each));
  return row;
}

TEST_CASE("measurement: the median run is the middle one, the lower one of two") {
  CHECK(median_run(row_of({300, 100, 200})).tally.ops == 200);
  CHECK(median_run(row_of({300, 100})).tally.ops == 100);
}

TEST_CASE("measurement: the spread is the range over the median, and absent after one run") {
  CHECK(spread(row_of({300, 100, 200})) == 1.0);
  CHECK_FALSE(spread(row_of({300})));
}

TEST_CASE("measurement: latencies are those of all runs") {
  const auto latency = merged_latency(row_of({300, 100, 200}));
  CHECK(latency.count() == 3);
  CHECK(latency.max() == 300'000);
}

TEST_CASE("measurement: amplification is told where it was measured, and nowhere else") {
  Row row = row_of({100});
  Measurement& run = row.runs.front();
  CHECK_FALSE(write_amplification(row, run));
  CHECK_FALSE(space_amplification(run, 116));
  run.written_bytes = 23'200;
  run.disk_bytes = 11'600;
  run.entries = 50;
  CHECK(write_amplification(row, run) == 2.0);
  CHECK(space_amplification(run, 116) == 2.0);
  row.workload = find_workload("readseq");
  CHECK_FALSE(write_amplification(row, run));
}
