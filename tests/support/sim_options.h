// What kind of disk, file system and kernel is simulated.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/clock.h"
#include "support/rng.h"

namespace siltstone::support {

/// What a file system does when a sync fails.
enum class AfterFailedSync : std::uint8_t {
  forget,     ///< ext4: the data is lost but still in the cache, marked clean; the next sync is ok.
  shut_down,  ///< XFS: everything answers EIO from now on.
  read_only,  ///< btrfs: reads go on, changes answer EROFS.
};

struct SimStorageOptions {
  bool direct_io = true;  ///< False: File::direct() is always false, as on tmpfs.
  std::uint32_t alignment_bytes = 512;
  bool can_allocate = true;
  bool can_punch = true;
  bool can_map = true;
  AfterFailedSync after_failed_sync = AfterFailedSync::forget;
  std::uint64_t capacity_bytes = UINT64_MAX;    ///< Of allocated blocks of all files.
  std::uint64_t max_file_bytes = 4ULL << 30;    ///< EFBIG beyond.
  std::size_t max_queue_depth = 256;            ///< What make_queue() gives at most.
  bool reorder = true;                          ///< Completions come in any order.
  double short_transfer_probability = 0;        ///< Of each read and write.
  double refused_submit_probability = 0;        ///< Of each submit(), which then takes fewer.
  double interrupted_reap_probability = 0;      ///< Of each reap(), which then gives fewer.
  io::Duration call_time = io::Duration(1000);  ///< By which every call moves the clock.
  io::Duration transfer_time{0};                ///< A read or write takes up to twice this.
  io::Duration sync_time{0};                    ///< The same for a sync or a durable write.

  /// A correct but nasty machine, drawn from the seed: short transfers, refusals, late completions.
  [[nodiscard]] static SimStorageOptions nasty(std::uint64_t seed);
};

}  // namespace siltstone::support
