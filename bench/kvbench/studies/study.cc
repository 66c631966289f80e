// The table of studies.
#include "studies/study.h"

#include <array>

namespace siltstone::kvbench {

std::span<const StudyInfo> presets() {
  static constexpr std::array kPresets{
      StudyInfo{"durability",
                "Small puts in every mode of durability, one by one and in batches",
                {.puts = true, .limit = true},
                make_durability_study},
      StudyInfo{"fillrandom",
                "Puts that survive a kill, beside the log's ring alone and RocksDB",
                {.entries = true},
                make_fillrandom_study},
      StudyInfo{"fillsync",
                "Durable puts by one thread, by many and with many under way, beside the device",
                {.seconds = true, .threads = true},
                make_fillsync_study},
      StudyInfo{"io-depth",
                "Random 4 KiB reads by depth: ring, posix backend, plain pread, fio",
                {.seconds = true, .file_size = true, .depths = true, .ways = true, .fio = true},
                make_io_depth_study},
      StudyInfo{"vectored",
                "64 adjacent pages in one call, against one call each",
                {.rounds = true, .ways = true},
                make_vectored_study},
      StudyInfo{"coalescing",
                "Pages written one by one that reach the device together",
                {.rounds = true, .pages = true, .ways = true},
                make_coalescing_study},
      StudyInfo{"checksum",
                "CRC32C by the processor's instructions, against tables",
                {.seconds = true},
                make_checksum_study},
      StudyInfo{"batch-io",
                "Buffered writes against durable ones, batches against single reads, ring against "
                "plain calls",
                {.file_size = true, .rounds = true, .ways = true},
                make_batch_io_study},
      StudyInfo{
          "recovery",
          "Opening a store whose process was killed: a log in memory again, ours and RocksDB's",
          {.log_size = true},
          make_recovery_study},
  };
  return kPresets;
}

const StudyInfo& device_study() {
  static constexpr StudyInfo kDevice{
      "device",
      "Measure what the disk below DIR can do",
      {.seconds = true, .file_size = true, .depths = true, .ways = true},
      make_device_study,
  };
  return kDevice;
}

}  // namespace siltstone::kvbench
