// A storage whose disk is a value in memory, whose power can be cut at any operation, and whose
// every call can be made to fail: the world in which the engine is tested.
//
//   SimStorage storage(seed);
//   storage.plant("db/pages", bytes);              // or let the code under test make its files
//   storage.faults().add({.on = Op::sync, .path = "*/wal/*"});
//   storage.cut_power_at_mutation(17);             // the 17th change of the disk is the last
//   run_the_code(storage);                         // its calls answer EIO from there on
//   storage.crash(Crash::from_seed(seed));         // power comes back: some of what was not synced
//   check_what_it_recovers(storage);               //   is gone
//
// Many crashes of one moment:  const Disk disk = storage.snapshot();
//                              SimStorage after(disk.crashed(Crash::from_seed(i)), i);
//
// Paths are relative to the root of the simulated disk, which is there from the start. What each
// kind of operation guarantees is in docs/simulation.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/storage.h"
#include "support/sim_clock.h"
#include "support/sim_crash.h"
#include "support/sim_disk.h"
#include "support/sim_faults.h"
#include "support/sim_machine.h"
#include "support/sim_options.h"
#include "support/sim_trace.h"

namespace siltstone::support {

/// Thread-safe as the seam says; the functions of its own are for the test, while no call is made.
/// Outlives all handles, also the dead ones.
class SimStorage final : public io::Storage {
 public:
  /// Clock and trace, where given, are shared with other parts of a simulation and outlive this.
  explicit SimStorage(std::uint64_t seed, SimStorageOptions options = {}, SimClock* clock = nullptr,
                      SimTrace* trace = nullptr);
  /// A machine that starts with this disk.
  SimStorage(Disk disk, std::uint64_t seed, SimStorageOptions options = {});

  [[nodiscard]] Result<std::unique_ptr<io::Directory>> open_directory(
      std::string_view path) override;
  [[nodiscard]] Result<void> make_directory(std::string_view path) override;
  [[nodiscard]] Result<std::unique_ptr<io::Queue>> make_queue(std::size_t depth) override;

  // Errors and power.

  [[nodiscard]] FaultSchedule& faults() noexcept { return machine_.faults; }
  /// May be changed at any time: a disk that fills up, a file system that turns read-only.
  [[nodiscard]] SimStorageOptions& options() noexcept { return machine_.options; }
  void set_read_only(bool read_only) noexcept { machine_.read_only = read_only; }
  /// Calls and requests since the machine started.
  [[nodiscard]] std::uint64_t operations() const noexcept { return machine_.operations; }
  /// Those of them that may change what a crash leaves: writes, syncs, changes of names and sizes.
  [[nodiscard]] std::uint64_t mutations() const noexcept { return machine_.mutations; }
  /// The power goes at the k-th mutation (from 1) since the machine started: it and everything
  /// later answers EIO. It and what is under way then are changes that the crash may keep.
  void cut_power_at_mutation(std::uint64_t k) noexcept { machine_.cut_at_mutation = k; }
  void cut_power() { machine_.cut_power(); }
  [[nodiscard]] bool has_power() const noexcept { return machine_.power; }

  /// The disk as it is, with what is pending and under way.
  [[nodiscard]] Disk snapshot() const;
  /// The power is cut, if it was not, and comes back. Old handles are dead; locks are free.
  void crash(const Crash& crash);
  /// The process is killed and the machine runs on: what was completed stays, in the cache too, and
  /// of the requests under way some still happen.
  void kill();
  /// Another disk in the same machine, as after crash().
  void restart(Disk disk) { machine_.boot(std::move(disk)); }

  // Looking and touching, outside the seam: no faults, no switch points, nothing counted.

  enum class View : std::uint8_t { cache, media, durable };
  [[nodiscard]] bool exists(std::string_view path) const;
  /// The whole content; the file must be there.
  [[nodiscard]] Bytes contents(std::string_view path, View view = View::cache) const;
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> tree() const {
    return machine_.disk.tree();
  }
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return machine_.disk.used_bytes(); }
  /// Makes a durable file with this content, and its directories.
  void plant(std::string_view path, std::span<const std::byte> content);
  /// Overwrites stored bytes, in the durable file and everywhere else.
  void corrupt(std::string_view path, std::uint64_t offset, std::span<const std::byte> bytes);
  void flip_bit(std::string_view path, std::uint64_t bit);

  [[nodiscard]] SimClock& clock() noexcept { return machine_.clock; }
  [[nodiscard]] SimTrace& trace() noexcept { return machine_.trace; }

 private:
  [[nodiscard]] Inode file_at(std::string_view path) const;

  SimMachine machine_;
};

}  // namespace siltstone::support
