// Keys stand in the order of docs/benchmarks.md; tests/tools/kvbench_test.py checks the schema.
#include "json_report.h"

#include <siltstone/version.h>
#include <nlohmann/json.hpp>

#include "host_report.h"

namespace siltstone::kvbench {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json latency_us(const base::Histogram& latency) {
  const auto us = [](std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-3; };
  return {
      {"p50", us(latency.percentile(0.50))},      {"p95", us(latency.percentile(0.95))},
      {"p99", us(latency.percentile(0.99))},      {"p99.9", us(latency.percentile(0.999))},
      {"p99.99", us(latency.percentile(0.9999))}, {"max", us(latency.max())},
  };
}

Json settings_json(const Row& row, const Settings& settings) {
  const StoreOptions options = store_options(*row.workload, settings.store);
  Json json = {{"survives", row.engine->keeps_data ? name_of(options.durability) : "nothing"}};
  for (const auto& [name, value] : row.engine->settings(options)) json[name] = value;
  json["compressibility"] = settings.compressibility;
  json["seed"] = settings.seed;
  json["batch"] = row.workload->batched ? Json(settings.batch) : Json(nullptr);
  json["verified"] = settings.verify && row.engine->keeps_data;
  return json;
}

Json row_json(const Row& row, const Settings& settings) {
  const Measurement& run = median_run(row);
  Json runs = Json::array();
  for (const Measurement& each : row.runs) {
    runs.push_back({{"seconds", each.seconds}, {"ops_per_sec", each.ops_per_second()}});
  }
  return {
      {"engine", row.engine->name},
      {"engine_version", row.engine->version()},
      {"workload", row.workload->name},
      {"threads", settings.threads},
      {"num", settings.num},
      {"key_size", settings.key_bytes},
      {"value_size", settings.value_bytes},
      {"ops", run.tally.ops},
      {"found", row.workload->kind == WorkloadKind::fill ? Json(nullptr) : Json(run.tally.found)},
      {"seconds", run.seconds},
      {"ops_per_sec", run.ops_per_second()},
      {"spread", or_null(spread(row))},
      {"runs", std::move(runs)},
      {"latency_of", row.workload->batched ? "batch" : "operation"},
      {"latency_samples", run.latency_samples},
      {"latency_us", latency_us(merged_latency(row))},
      {"cpu_us_per_op", run.cpu_seconds * 1e6 / static_cast<double>(run.tally.ops)},
      {"write_amp", or_null(write_amplification(row, run))},
      {"read_amp", nullptr},
      {"space_amp", or_null(space_amplification(run, settings.key_bytes + settings.value_bytes))},
      {"disk_bytes", or_null(run.disk_bytes)},
      {"fsyncs", or_null(run.syncs)},
      {"peak_rss_bytes", or_null(run.peak_rss_bytes)},
      {"stall_us", nullptr},
      {"settings", settings_json(row, settings)},
  };
}

}  // namespace

std::string format_json(std::span<const Row> rows, const Settings& settings, const Host& host,
                        const Build& build, bool complete) {
  Json results = Json::array();
  for (const Row& row : rows) results.push_back(row_json(row, settings));
  const Json json = {
      {"schema", 1},
      {"kvbench_version", siltstone::version()},
      {"complete", complete},
      {"host", host_json(host, build)},
      {"results", std::move(results)},
  };
  // What the system calls itself need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace siltstone::kvbench
