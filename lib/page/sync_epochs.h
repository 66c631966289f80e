// Which extents are on stable storage, as numbered syncs tell: a pure structure.
//
// Invariants:
// 1. A sync covers the writes that ended before it began, and no others.
// 2. A failed sync has taken its error with it: no later one proves anything about the writes
//    before it or during it. They are tainted until their extent is given back; whoever wrote them
//    writes them again, elsewhere.
// 3. A write that failed taints its extent by itself, since the sync after it may succeed; but not
//    when the disk was merely full: nothing was lost then, and the same bytes may be written again.
//
// Extents are known by their first page. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.h"
#include "page/extent.h"

namespace siltstone::page {

/// Number of a sync, from 1.
using Epoch = std::uint64_t;

enum class WriteOutcome : std::uint8_t {
  done,
  refused,  ///< No space: nothing is wrong with the extent.
  failed,
};

class SyncEpochs {
 public:
  void write_started(const Extent& extent);
  void write_ended(const Extent& extent, WriteOutcome outcome);

  /// One sync at a time: a file reports an error to one of two concurrent ones only.
  [[nodiscard]] Epoch begin_sync();
  void end_sync(Epoch epoch, bool good);

  /// True when everything written to the extent is covered by a good sync.
  [[nodiscard]] bool is_durable(const Extent& extent) const noexcept;
  /// True when it must be written again, elsewhere.
  [[nodiscard]] bool is_tainted(const Extent& extent) const noexcept;
  /// The extent was given back. REQUIRES: no write to it is under way.
  void forget(const Extent& extent);

  /// Number of the newest good sync; 0 before there is any.
  [[nodiscard]] Epoch last_good() const noexcept { return last_good_; }

 private:
  // What is known of an extent since the last good sync; nothing, when there is nothing to say.
  struct Written {
    Epoch covered_by = 0;  // the first sync that covers all ended writes
    std::uint32_t under_way = 0;
    bool tainted = false;
  };

  std::map<std::uint32_t, Written> written_;
  Epoch next_ = 1;  // number of the next sync to begin
  Epoch last_good_ = 0;
  bool syncing_ = false;
};

}  // namespace siltstone::page
