// What a run may do next, and how often: the mix is drawn from the seed, with some actions left out
// altogether, since a bug may need many of one thing and none of another.
#pragma once

#include <array>
#include <cstdint>

#include "db/settings.h"
#include "model/oracle.h"
#include "support/rng.h"
#include "support/sim_faults.h"

namespace siltstone::model {

enum class Action : std::uint8_t {
  put,
  erase,
  batch,
  get,
  scan,
  hold_iterator,  ///< Take one, or go on with one that was taken long ago.
  snapshot,       ///< Take one, read from one that was taken long ago, or release it.
  flush,
  tickets,         ///< Writes that do not wait, and then a wait for the last.
  deadline,        ///< A write with hardly any time.
  durable,         ///< A write that asks for more than the mode gives.
  idle,            ///< Time passes.
  set_clock,       ///< Somebody sets the wall clock.
  open_second,     ///< Must find the store busy.
  open_read_only,  ///< Beside the writer.
  clients,         ///< Several threads at once.
  reopen,
  crash,      ///< Between two operations.
  kill,       ///< The process, not the machine.
  cut_power,  ///< At some operation of the disk soon.
  fault,      ///< Some call of the storage soon, once or from then on.
};

/// Draws actions with fixed chances.
class Mix {
 public:
  Mix(support::Rng& rng, bool with_clients);
  [[nodiscard]] Action draw(support::Rng& rng) const;

 private:
  static constexpr std::size_t kActions = static_cast<std::size_t>(Action::fault) + 1;
  std::array<std::uint64_t, kActions> weights_;
  std::uint64_t total_ = 0;
};

/// Draws what a store is opened with, but for its mode and its directory.
void draw_settings(db::Settings& settings, support::Rng& rng);

/// Draws keys and writes: few keys, so that they meet often.
class Writes {
 public:
  explicit Writes(support::Rng& rng);
  /// The same, for client `number` from 0: no other one makes the same values.
  [[nodiscard]] Writes for_client(std::uint64_t number) const;
  [[nodiscard]] std::string key(support::Rng& rng) const;
  /// One operation, or as many as `operations` says, with values that are numbered.
  [[nodiscard]] Write put(support::Rng& rng);
  [[nodiscard]] Write erase(support::Rng& rng);
  [[nodiscard]] Write batch(support::Rng& rng);
  /// A put of `key` with a value that is numbered, and sometimes empty, sometimes long, sometimes
  /// there for a while only: then never empty, so that its value tells its expiry.
  [[nodiscard]] Operation put(std::string key, support::Rng& rng);
  /// How many keys key() can draw: key_number() of 0, 1, and so on.
  [[nodiscard]] std::uint64_t key_count() const noexcept { return keys_; }
  [[nodiscard]] static std::string key_number(std::uint64_t number);

 private:
  std::uint64_t keys_;
  std::uint64_t longest_;   // most values are at most so long
  std::uint64_t expiring_;  // of 1000 puts have a time to live
  std::uint64_t written_ = 0;
};

/// Some call of the storage that fails soon, once or from then on.
[[nodiscard]] support::Fault draw_fault(support::Rng& rng);

}  // namespace siltstone::model
