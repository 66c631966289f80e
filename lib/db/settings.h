// What a store was asked to be, after the builder checked it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <siltstone/options.h>

#include "io/uring_storage.h"
#include "wal/segment_ahead.h"

namespace siltstone::db {

struct Settings {
  std::string dir;
  bool create_if_missing = true;
  bool read_only = false;
  Compression compression = Compression::none;
  RecoveryMode recovery = RecoveryMode::strict;
  /// Anything but posix needs the files of the kernel, in the system's environment. Never automatic
  /// without the builder: a simulated disk has no rings.
  IoBackend io_backend = IoBackend::posix;
  io::UringOptions ring = {};
  std::uint64_t memtable_bytes = std::uint64_t{16} << 20;  ///< The builder gives more.
  Durability durability = Durability::every_commit;
  std::chrono::nanoseconds sync_interval = std::chrono::milliseconds(100);  ///< Mode interval.
  std::size_t log_buffer_bytes = std::size_t{8} << 20;
  std::uint64_t write_buffer_ops = UINT64_MAX;  ///< Mode write_back.
  wal::SegmentSizes segments = {};              ///< Tests have small ones.
};

}  // namespace siltstone::db
