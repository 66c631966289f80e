// The gate, the power switch, and what a failed sync does.
#include "support/sim_machine.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "support/sim_mapping.h"
#include "support/sim_queue.h"
#include "support/sim_scheduler.h"

namespace siltstone::support {

SimStorageOptions SimStorageOptions::nasty(std::uint64_t seed) {
  Rng rng(seed);
  SimStorageOptions options;
  options.direct_io = rng.below(4) != 0;
  options.after_failed_sync = static_cast<AfterFailedSync>(rng.below(3));
  options.max_queue_depth = 1ULL << rng.between(2, 8);
  options.short_transfer_probability = rng.coin() ? 0.05 : 0;
  options.refused_submit_probability = rng.coin() ? 0.05 : 0;
  options.interrupted_reap_probability = rng.coin() ? 0.05 : 0;
  if (rng.coin()) {
    options.transfer_time = std::chrono::microseconds(rng.between(1, 200));
    options.sync_time = std::chrono::microseconds(rng.between(1, 5000));
  }
  options.can_map = rng.coin();
  return options;
}

SimMachine::SimMachine(std::uint64_t seed_, SimStorageOptions options_, SimClock* clock_,
                       SimTrace* trace_)
    : seed(seed_),
      options(options_),
      clock(clock_ != nullptr ? *clock_ : own_clock),
      trace(trace_ != nullptr ? *trace_ : own_trace),
      rng(Rng(seed_).fork(0x5707a6e)) {}

SimMachine::Verdict SimMachine::gate(Op op, std::string_view path, std::uint64_t handle_boot,
                                     bool mutates, std::uint64_t offset, std::uint64_t length) {
  ++operations;
  clock.advance(options.call_time);
  if (!power || handle_boot != boots) return {.error = EIO};
  if (mutates && ++mutations == cut_at_mutation) {
    cut_power();
    return {.error = EIO, .in_flight = true, .performs = true};
  }
  const bool needs_disk = !(op & (Op::submit | Op::reap | Op::make_queue | Op::lock));
  if (shut_down && needs_disk) return {.error = EIO};
  if (read_only && mutates) return {.error = EROFS};
  const auto hit = faults.decide(op, path, offset, length, rng);
  if (!hit) return {};
  const bool fails = hit->effect == Effect::fail;
  const bool performs =
      fails && (hit->residue == Residue::all || (hit->residue == Residue::some && rng.coin()));
  return {.error = fails ? hit->error : 0, .performs = performs, .fault = *hit, .has_fault = true};
}

void SimMachine::cut_power() {
  if (!power) return;
  take_stores(disk);
  power = false;
  for (SimQueue* queue : queues) queue->power_went();
}

void SimMachine::sleep_until(io::Time time) {
  if (SimScheduler* scheduler = SimScheduler::current()) return scheduler->sleep_until(time);
  clock.advance_to(time);
}

void SimMachine::boot(Disk next) {
  for (SimQueue* queue : queues) queue->die();
  disk = std::move(next);
  locks.clear();
  open_files.clear();
  ++boots;
  operations = 0;
  mutations = 0;
  cut_at_mutation = 0;
  power = true;
  shut_down = false;
  read_only = false;
}

std::uint64_t SimMachine::room_for(Inode inode, std::uint64_t offset, std::uint64_t length) const {
  if (options.capacity_bytes == UINT64_MAX) return length;
  const Image& image = disk.file(inode).media();
  const std::uint64_t used = disk.used_bytes();
  std::uint64_t free = options.capacity_bytes - std::min(options.capacity_bytes, used);
  for (std::uint64_t at = offset; at < offset + length;) {
    if (!image.is_allocated(at)) {
      if (free < Image::kBlockBytes) return at - offset;
      free -= Image::kBlockBytes;
    }
    at += Image::kBlockBytes - at % Image::kBlockBytes;
  }
  return length;
}

void SimMachine::fail_sync(Inode inode, Ticket up_to, Residue residue) {
  disk.edit_file(inode).forget_writes(up_to, residue, rng);
  shut_down |= options.after_failed_sync == AfterFailedSync::shut_down;
  read_only |= options.after_failed_sync == AfterFailedSync::read_only;
}

void SimMachine::sync_file(Inode inode, Ticket up_to) {
  if (disk.file(inode).pending().empty()) return;
  if (disk.file(inode).has_pending_metadata()) disk.commit_journal(up_to);
  disk.edit_file(inode).sync(up_to);
}

void SimMachine::close(Inode inode) {
  const auto found = open_files.find(inode);
  if (found == open_files.end() || --found->second != 0) return;
  open_files.erase(found);
  disk.collect(open_files);
}

void SimMachine::take_stores(Disk& into) const {
  if (!power) return;
  for (const SimMapping* mapping : mappings) mapping->take_stores(into);
}

void SimMachine::misuse(std::string_view what) const {
  fmt::print(stderr, "{}the storage seam is misused: {} (storage seed {})\n", trace.to_string(50),
             what, seed);
  std::abort();
}

Call::Call(SimMachine& machine, Op op, std::string_view path, std::uint64_t handle_boot,
           bool mutates, std::uint64_t offset, std::uint64_t length)
    : before_(to_string(op)),
      lock_(machine.mutex),
      machine_(machine),
      op_(op),
      path_(path),
      offset_(offset),
      length_(length),
      verdict_(machine.gate(op, path, handle_boot, mutates, offset, length)) {}

Call::~Call() {
  const std::int64_t result = verdict_.error != 0 ? -verdict_.error : result_;
  machine_.trace.add(machine_.clock.now(), to_string(op_), path_, offset_, length_, result);
}

}  // namespace siltstone::support
