// A steady load: transfers of one kind on one file, a constant number under way.
#pragma once

#include <cstddef>
#include <cstdint>

#include <siltstone/error.h>

#include "io/storage.h"
#include "studies/backends.h"
#include "studies/test_file.h"

namespace siltstone::kvbench {

struct Load {
  io::Opcode opcode = io::Opcode::read;  ///< Read or write. Writes end with a sync.
  std::size_t bytes = 4096;              ///< Of a transfer.
  unsigned depth = 1;
  bool sequential = false;  ///< From the beginning, over and over; else at random.
};

/// Transfers per second through a channel of the engine, file and buffers registered.
[[nodiscard]] Result<double> channel_load(const Backend& backend, const TestFile& file,
                                          const Load& load, double seconds);
/// By pread and pwrite, on as many threads as are under way: the only way for plain calls.
[[nodiscard]] Result<double> plain_load(const TestFile& file, const Load& load, double seconds);

}  // namespace siltstone::kvbench
