// fio, the yardstick of others, on the same file.
#pragma once

#include <string>

#include <siltstone/error.h>

#include "studies/test_file.h"

namespace siltstone::kvbench {

/// Its version, such as "fio-3.33"; empty when it is not installed.
[[nodiscard]] std::string fio_version();

/// Random 4 KiB reads per second with io_uring at this depth.
[[nodiscard]] Result<double> fio_reads(const TestFile& file, unsigned depth, double seconds);

}  // namespace siltstone::kvbench
