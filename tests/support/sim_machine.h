// The simulated kernel behind SimStorage: one disk, its power, the faults, the locks, and the gate
// that every call through the seam passes.
//
// Not for tests: they use SimStorage. Everything here is under `mutex`, which is taken by Call and
// never held at a switch point; under a simulated schedule it is therefore never contended.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/yield.h"
#include "support/quiet.h"
#include "support/rng.h"
#include "support/sim_clock.h"
#include "support/sim_disk.h"
#include "support/sim_faults.h"
#include "support/sim_locks.h"
#include "support/sim_options.h"
#include "support/sim_trace.h"

namespace siltstone::support {

class SimMapping;
class SimQueue;

struct SimMachine {
  SimMachine(std::uint64_t seed, SimStorageOptions options, SimClock* clock, SimTrace* trace);

  /// What the gate says to one call.
  struct Verdict {
    int error = 0;           ///< What to answer; 0 to go on.
    bool in_flight = false;  ///< The power went during this call: the change is a candidate.
    bool performs = false;   ///< Failed, but the change takes place.
    FaultHit fault{};        ///< With fault.effect other than fail, or for its residue.
    bool has_fault = false;
  };
  /// `mutates`: the call changes what a crash would leave.
  Verdict gate(Op op, std::string_view path, std::uint64_t handle_boot, bool mutates,
               std::uint64_t offset, std::uint64_t length);

  void cut_power();
  /// Waits in simulated time. Not under `mutex`.
  void sleep_until(io::Time time);
  /// Everything that was open is dead, and the machine runs on with this disk.
  void boot(Disk next);

  /// How many bytes of a write here find room, up to `length`.
  [[nodiscard]] std::uint64_t room_for(Inode inode, std::uint64_t offset,
                                       std::uint64_t length) const;
  void fail_sync(Inode inode, Ticket up_to, Residue residue);
  void sync_file(Inode inode, Ticket up_to);
  void close(Inode inode);
  /// Makes what was stored into mappings changes of their files, on this copy of the disk.
  void take_stores(Disk& into) const;

  /// Stops the program with the trace: the code under test broke the contract of the seam.
  [[noreturn]] void misuse(std::string_view what) const;

  std::mutex mutex;
  const std::uint64_t seed;
  SimStorageOptions options;
  SimClock own_clock;
  SimTrace own_trace;
  SimClock& clock;
  SimTrace& trace;
  Rng rng;
  Disk disk;
  FaultSchedule faults;
  LockTable locks;
  std::map<Inode, std::uint32_t> open_files;
  std::vector<SimQueue*> queues;
  std::vector<const SimMapping*> mappings;
  std::uint64_t boots = 1;
  std::uint64_t handles = 0;
  std::uint64_t operations = 0;
  std::uint64_t mutations = 0;
  std::uint64_t cut_at_mutation = 0;  ///< 0: never.
  bool power = true;
  bool shut_down = false;
  bool read_only = false;
};

/// Lets other simulated threads run first.
struct SwitchPoint {
  explicit SwitchPoint(const char* where) noexcept {
    if (base::current_scheduler != nullptr) base::current_scheduler->yield(where);
  }
};

/// One call through the seam, from the switch point before it to its line in the trace.
class Call {
 public:
  Call(SimMachine& machine, Op op, std::string_view path, std::uint64_t handle_boot,
       bool mutates = false, std::uint64_t offset = 0, std::uint64_t length = 0);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// What the call must answer; 0 to go on.
  [[nodiscard]] int error() const noexcept { return verdict_.error; }
  /// True when the change is to be made, whatever the answer.
  [[nodiscard]] bool performs() const noexcept { return verdict_.error == 0 || verdict_.performs; }
  [[nodiscard]] bool in_flight() const noexcept { return verdict_.in_flight; }
  [[nodiscard]] Residue residue() const noexcept { return verdict_.fault.residue; }
  /// The call fails by itself; unless it already did. Returns what to answer.
  int fail(int error) noexcept {
    if (verdict_.error == 0) verdict_.error = error;
    return verdict_.error;
  }
  void result(std::int64_t value) noexcept { result_ = value; }

 private:
  SwitchPoint before_;
  Quiet quiet_;
  std::lock_guard<std::mutex> lock_;
  SimMachine& machine_;
  Op op_;
  std::string_view path_;
  std::uint64_t offset_;
  std::uint64_t length_;
  std::int64_t result_ = 0;
  SimMachine::Verdict verdict_;
};

}  // namespace siltstone::support
