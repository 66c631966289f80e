// The right to run, passed between real threads so that ThreadSanitizer does not see it: seen,
// every switch would order the two threads, and no race between them could ever be reported.
#pragma once

#include <cstdint>

#include "support/quiet.h"

namespace siltstone::support {

/// Belongs to one thread, which takes; any other may pass.
class Baton {
 public:
  /// Lets the owner run.
  SILT_UNSEEN void pass() noexcept;
  /// Sleeps in the kernel until somebody passes.
  SILT_UNSEEN void take() noexcept;

 private:
  std::uint32_t passed_ = 0;
};

}  // namespace siltstone::support
