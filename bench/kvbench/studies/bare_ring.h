// The log in mode interval without the store around it: the same records, with their checksums, go
// into the ring's mapped file, and a thread like silt-log drains them at a quarter full. No commit
// path, no memtable: what is left of a put when nothing is kept but its record.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include <siltstone/error.h>

#include "base/ids.h"
#include "io/executor.h"
#include "wal/ring.h"
#include "wal/segment_writer.h"

namespace siltstone::kvbench {

/// Thread-bound.
class BareRing final : private io::Task {
 public:
  enum class Drains : std::uint8_t {
    as_in_a_store,
    never,  ///< The ring lets go of all once it is full.
  };

  /// Makes a log in `dir`, an empty directory. Errors: `unsupported` where files are not mapped.
  [[nodiscard]] static Result<std::unique_ptr<BareRing>> make(const std::string& dir,
                                                              Drains drains);
  ~BareRing() override { worker_->stop(); }

  /// Appends the record of one put. Errors: those of drains, also of earlier ones.
  [[nodiscard]] Result<void> put(std::string_view key, std::string_view value);

 private:
  BareRing(wal::Ring ring, std::unique_ptr<wal::SegmentWriter> log, Drains drains);
  [[nodiscard]] io::Time step() noexcept override;
  [[nodiscard]] Result<void> hand_over();

  wal::Ring ring_;
  const std::unique_ptr<wal::SegmentWriter> log_;
  const Drains drains_;
  base::Sequence next_;
  std::string entries_;
  base::RingPosition handed_over_;  // up to here, to the drain

  // Whose these are: the drain's while it is busy.
  std::atomic<bool> busy_{false};
  wal::RecordRange range_;
  Result<void> outcome_;

  std::unique_ptr<io::Worker> worker_;  // last: it uses the others
};

}  // namespace siltstone::kvbench
