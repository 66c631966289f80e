// The schedule of errors: which calls through the storage seam fail, and how.
//
//   auto& faults = storage.faults();
//   faults.add({.on = Op::sync, .path = "*/wal/*", .skip = 2});         // the third, once
//   faults.add({.on = Op::read, .times = kAlways, .probability = 0.01});  // now and then
//   faults.add({.on = Op::write, .error = ENOSPC, .times = kAlways, .pass_bytes = 1 << 20});
//   faults.add({.on = Op::write, .effect = Effect::lose});              // and says ok
//
// Every call asks the rules in the order they were added; the first that hits decides.
#pragma once

#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/rng.h"
#include "support/sim_disk.h"

namespace siltstone::support {

/// Calls through the seam; a set of them with |.
enum class Op : std::uint32_t {
  read = 1U << 0,  ///< Requests; counted when they are submitted.
  write = 1U << 1,
  sync = 1U << 2,
  open = 1U << 3,
  info = 1U << 4,
  resize = 1U << 5,
  allocate = 1U << 6,
  punch = 1U << 7,
  lock = 1U << 8,  ///< try_lock, unlock, is_locked
  open_directory = 1U << 9,
  make_directory = 1U << 10,
  rename = 1U << 11,
  remove = 1U << 12,
  list = 1U << 13,
  sync_directory = 1U << 14,
  make_queue = 1U << 15,
  submit = 1U << 16,  ///< EAGAIN, EBUSY and EINTR: takes nothing now. Others: broken for good.
  reap = 1U << 17,    ///< EINTR: comes back with too few. Others: broken for good.
  map = 1U << 18,
  populate = 1U << 19,  ///< Of a mapping.
  any = (1U << 20) - 1,
};
[[nodiscard]] constexpr Op operator|(Op a, Op b) noexcept {
  return static_cast<Op>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
[[nodiscard]] constexpr bool operator&(Op a, Op b) noexcept {
  return (static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b)) != 0;
}
[[nodiscard]] const char* to_string(Op op) noexcept;

enum class Effect : std::uint8_t {
  fail,         ///< Answer `error`.
  cut_short,    ///< read, write: move fewer bytes than asked, at least a byte (direct: a sector).
  lose,         ///< write: say ok, leave the disk as it was.
  misdirect,    ///< write: say ok, write somewhere else in the file.
  stale,        ///< read: answer what was synced last instead of what was written since.
  flip_bit,     ///< read: one bit wrong, this time. write: one bit wrong on the disk.
  zero_sector,  ///< read: a sector of zeros, this time. write: a sector of zeros on the disk.
};

inline constexpr std::uint64_t kAlways = std::numeric_limits<std::uint64_t>::max();

struct Fault {
  Op on = Op::any;
  std::string path = "*";  ///< A shell pattern for the whole path; * also matches /.
  Effect effect = Effect::fail;
  int error = EIO;
  std::uint64_t skip = 0;   ///< This many matching calls pass before the first is hit.
  std::uint64_t times = 1;  ///< Then at most this many are hit.
  double probability = 1;   ///< With which a call that could be hit is.
  /// Bytes of matching transfers that pass before the first hit; the one that crosses the limit
  /// comes short. For ENOSPC, EDQUOT and EFBIG, which the kernel reports so.
  std::uint64_t pass_bytes = 0;
  /// Only transfers, syncs aside, that touch this range of the file: a bad spot on the disk.
  std::uint64_t begin = 0;
  std::uint64_t end = kAlways;
  /// What of the failed write, or of the data that a failed sync should have written, or of a
  /// failed change of names, is there nevertheless.
  Residue residue = Residue::none;
};

/// What happens to one call.
struct FaultHit {
  Effect effect = Effect::fail;
  int error = 0;
  Residue residue = Residue::none;
  /// cut_short: so many bytes at most.
  std::uint64_t bytes = kAlways;
};

/// Not thread-safe: the storage asks under its lock; tests change it when nothing runs.
class FaultSchedule {
 public:
  using RuleId = std::size_t;

  RuleId add(Fault fault);
  /// A removed rule hits nothing any more; its count stays.
  void remove(RuleId rule) { rules_[rule].on = false; }
  void clear() noexcept;
  /// How many calls a rule has hit. A test that injects something checks that it happened.
  [[nodiscard]] std::uint64_t hits(RuleId rule) const { return rules_[rule].hits; }
  /// Of all rules that are not removed.
  [[nodiscard]] std::uint64_t total_hits() const noexcept;

  [[nodiscard]] std::optional<FaultHit> decide(Op op, std::string_view path, std::uint64_t offset,
                                               std::uint64_t length, Rng& rng);

 private:
  struct Rule {
    Fault fault;
    bool on = true;
    std::uint64_t seen = 0;
    std::uint64_t passed_bytes = 0;
    std::uint64_t hits = 0;
  };
  static bool matches(const Rule& rule, Op op, const std::string& path, std::uint64_t offset,
                      std::uint64_t length);

  std::vector<Rule> rules_;
};

}  // namespace siltstone::support
