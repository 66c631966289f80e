// A store of its own, and small puts into it: keys of 16 digits in random order, none twice, and
// values of 100 bytes, of which a compressor can take half away.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <siltstone/db.h>

#include "base/histogram.h"
#include "key_order.h"
#include "keys.h"
#include "studies/study.h"
#include "values.h"
#include "work_dir.h"

namespace siltstone::kvbench {

/// Thread-bound, but for what run_threads() does.
class PutBench {
 public:
  /// How the store is made: a builder with a directory is handed in.
  using Configure = void (*)(Builder& builder);

  /// Makes a store below settings.dir; it is removed at the end, unless settings.keep.
  [[nodiscard]] static Result<std::unique_ptr<PutBench>> make(const StudySettings& settings,
                                                              Configure configure);

  [[nodiscard]] Db& db() noexcept { return db_; }

  /// Puts one entry.
  [[nodiscard]] Result<Commit> put(const WriteOptions& options = {});
  /// Puts so many as one batch; making the batch is part of it.
  [[nodiscard]] Result<Commit> put_batch(std::uint64_t count);

  /// What threads did that put one entry after the other.
  struct Threads {
    double puts_per_second = 0;
    base::Histogram latency;  ///< Nanoseconds, of every put.
  };
  /// Puts on so many threads for so long.
  [[nodiscard]] Result<Threads> run_threads(unsigned threads, double seconds);

 private:
  struct Lane;

  PutBench(WorkDir dir, Db db);
  [[nodiscard]] Result<void> run_lane(Lane& lane, unsigned threads, double seconds);

  static constexpr std::size_t kKeyBytes = 16;
  static constexpr std::size_t kValueBytes = 100;
  static constexpr std::uint64_t kKeys = std::uint64_t{1} << 32;  // more than are ever put

  WorkDir dir_;  // first: removed when all is closed
  Db db_;
  const KeyOrder order_ = KeyOrder::shuffled(kKeys, 1);
  const Values values_{kValueBytes, 0.5, 1};
  KeyWriter writer_{kKeyBytes};
  Batch batch_;
  std::uint64_t position_ = 0;  // in the order: of the next key
};

}  // namespace siltstone::kvbench
