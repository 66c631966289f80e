// The ways to do I/O that studies put beside each other: plain system calls without the engine, and
// the engine's I/O layer on each of its backends.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "io/complete.h"
#include "io/storage.h"
#include "io/uring_storage.h"
#include "studies/figures.h"
#include "studies/study.h"

namespace siltstone::kvbench {

/// One backend of the engine.
struct Backend {
  std::string_view name;  ///< "posix" or "ring".
  io::Storage* storage = nullptr;

  /// A channel of this depth, to be used by the calling thread.
  [[nodiscard]] Result<std::unique_ptr<io::Channel>> channel(std::size_t depth) const;
};

class Backends {
 public:
  /// Those that the settings ask for and the machine has.
  explicit Backends(const StudySettings& settings);

  [[nodiscard]] const std::vector<Backend>& engine() const noexcept { return engine_; }
  /// True when this way was asked for: "plain", "fio".
  [[nodiscard]] bool wants(std::string_view way) const noexcept;
  /// Says why there is no ring, where one was asked for.
  void note(Figures& figures) const;
  /// System calls that entered a ring so far.
  [[nodiscard]] std::uint64_t ring_enters() const noexcept { return ring_.statistics().enters; }

 private:
  const std::vector<std::string>& ways_;
  io::UringStorage ring_;
  std::vector<Backend> engine_;
};

}  // namespace siltstone::kvbench
