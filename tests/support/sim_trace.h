// What happened, in order: the last events for people, and a hash over all of them. Two runs of one
// seed have the same hash, or something in the program depends on more than the seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/clock.h"
#include "support/rng.h"

namespace siltstone::support {

/// The simulated thread or worker that runs here, for traces.
inline thread_local const char* current_actor = "main";

/// Not thread-safe: the storage adds under its lock, the scheduler as the only one who runs.
class SimTrace {
 public:
  struct Event {
    io::Time time;
    std::string actor;
    std::string what;
    std::string subject;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::int64_t result = 0;
  };

  void add(io::Time time, std::string_view what, std::string_view subject = {},
           std::uint64_t offset = 0, std::uint64_t length = 0, std::int64_t result = 0);

  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::uint64_t events() const noexcept { return count_; }
  /// The last events, one a line, oldest first; "" when there are none.
  [[nodiscard]] std::string to_string(std::size_t last = 200) const;

 private:
  static constexpr std::size_t kKept = 2048;
  void mix(std::uint64_t value) noexcept { hash_ = Rng::mix(hash_ ^ value) + count_; }
  void mix(std::string_view text) noexcept;

  std::uint64_t hash_ = 0;
  std::uint64_t count_ = 0;
  std::vector<Event> ring_;
};

}  // namespace siltstone::support
