// Planted bugs, to show that the model test finds them. Each makes the engine behave as if a line
// of it were wrong, from outside: by a storage that does less than it says, or by what lies on the
// disk when the engine looks.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "db/read_path.h"
#include "io/environment.h"
#include "support/sim_storage.h"

namespace siltstone::model {

enum class Plant : std::uint8_t {
  none,
  skip_sync,            ///< Syncs of files do nothing.
  skip_durable_write,   ///< Writes that are to be durable at completion are not.
  skip_directory_sync,  ///< Syncs of directories do nothing.
  ignore_write_error,   ///< Whatever a write or sync answers is taken for success.
  accept_torn_frame,    ///< Recovery takes frames whose checksums do not match.
  retry_failed_sync,    ///< A sync or durable write that failed is tried again, and believed.
  acknowledge_early,    ///< Every mode acknowledges as write_back does.
  skip_timers,          ///< silt-log works only when it is woken.
  lose_wakes,           ///< Of those who wait, only the first is woken.
  accept_stale_frame,   ///< Recovery takes frames that were written elsewhere.
  append_after_open,    ///< An open goes on behind what it read, wherever that came from.
  reuse_session,        ///< Every session of the log ring has the same number.
  publish_early,        ///< Writes show before they are durable.
  show_burnt,           ///< Writes show that failed with the log.
  trust_burnt,          ///< wait_durable() answers ok for them.
  reuse_burnt,          ///< After a failed drain the store goes on, with the same sequences again.
  drop_expiries,        ///< What is replayed does not expire.
};

/// By the name above; nothing for another name.
[[nodiscard]] std::optional<Plant> plant_from_name(std::string_view name) noexcept;

/// For publish_early and show_burnt: the open store, whose entries are shown out of time. Shared
/// by the threads of a simulation.
class Exposure {
 public:
  /// From now on it is this store's; null when none is open.
  void watch(std::shared_ptr<db::ReadPath> reads) noexcept { reads_ = std::move(reads); }
  /// Makes everything visible that is linked.
  void show_all() const noexcept;

 private:
  std::shared_ptr<db::ReadPath> reads_;
};

/// A storage that behaves as a storage beneath code with this bug would seem to behave. Borrows
/// `inner` and `exposure`.
[[nodiscard]] std::unique_ptr<io::Storage> make_lying_storage(io::Storage& inner, Plant plant,
                                                              const Exposure& exposure);

/// The same for the other seams.
[[nodiscard]] std::unique_ptr<io::Executor> make_lying_executor(io::Executor& inner, Plant plant);
[[nodiscard]] std::unique_ptr<io::Parker> make_lying_parker(io::Parker& inner, Plant plant);
[[nodiscard]] std::unique_ptr<io::Entropy> make_lying_entropy(io::Entropy& inner, Plant plant);

/// For accept_stale_frame: gives a whole frame of another segment or place, where the frames of a
/// segment end, the checksums of that place.
void bless_stale_frames(support::SimStorage& storage, std::string_view dir);

/// For accept_torn_frame: gives every torn frame in the segments of the store in `dir` the
/// checksums of what is there, as far as its records can be told apart.
void bless_torn_frames(support::SimStorage& storage, std::string_view dir);
/// For drop_expiries: moves the expiries in the segments of that store, where they are not
/// compressed, to the end of all days.
void forget_expiries(support::SimStorage& storage, std::string_view dir);

}  // namespace siltstone::model
