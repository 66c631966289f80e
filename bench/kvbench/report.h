// The results as text for people: the head, the line of db_bench after each run, the table at the
// end.
#pragma once

#include <span>
#include <string>

#include "host.h"
#include "measurement.h"
#include "settings.h"

namespace siltstone::kvbench {

/// What is printed before anything is measured. Ends with a newline, as all of these.
[[nodiscard]] std::string format_head(const Settings& settings, const Host& host,
                                      const Build& build, std::span<const Engine* const> engines);
/// "ENGINE WORKLOAD : micros/op ops/sec seconds operations; MB/s", with the seconds of wall time.
[[nodiscard]] std::string format_run(const Engine& engine, const Workload& workload,
                                     const Measurement& run);
/// Throughput, latencies and costs of every row.
[[nodiscard]] std::string format_table(std::span<const Row> rows, const Settings& settings);

}  // namespace siltstone::kvbench
