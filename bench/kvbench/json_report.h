// The results as JSON, schema 1. What was not measured is null.
#pragma once

#include <span>
#include <string>

#include "host.h"
#include "measurement.h"
#include "settings.h"

namespace siltstone::kvbench {

/// `complete` is false when the run was interrupted or failed: later rows may be missing.
[[nodiscard]] std::string format_json(std::span<const Row> rows, const Settings& settings,
                                      const Host& host, const Build& build, bool complete);

}  // namespace siltstone::kvbench
