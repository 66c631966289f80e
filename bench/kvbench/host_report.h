// What figures come from, as the head of every report: for people and as JSON.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "host.h"

namespace siltstone::kvbench {

/// Version, build, processor, kernel and the file system of `dir`: a line each.
[[nodiscard]] std::string format_host(const Host& host, const Build& build, const std::string& dir);
/// What makes the figures of this build or machine doubtful: a line each, mostly none.
[[nodiscard]] std::string format_warnings(const Host& host, const Build& build);
/// The object "host" of every JSON report.
[[nodiscard]] nlohmann::ordered_json host_json(const Host& host, const Build& build);

}  // namespace siltstone::kvbench
