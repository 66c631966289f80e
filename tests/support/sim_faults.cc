// Rules against calls.
#include "support/sim_faults.h"

#include <fnmatch.h>

#include <algorithm>

namespace siltstone::support {

const char* to_string(Op op) noexcept {
  switch (op) {
    case Op::read: return "read";
    case Op::write: return "write";
    case Op::sync: return "sync";
    case Op::open: return "open";
    case Op::info: return "info";
    case Op::resize: return "resize";
    case Op::allocate: return "allocate";
    case Op::punch: return "punch";
    case Op::lock: return "lock";
    case Op::open_directory: return "open directory";
    case Op::make_directory: return "make directory";
    case Op::rename: return "rename";
    case Op::remove: return "remove";
    case Op::list: return "list";
    case Op::sync_directory: return "sync directory";
    case Op::make_queue: return "make queue";
    case Op::submit: return "submit";
    case Op::reap: return "reap";
    case Op::map: return "map";
    case Op::populate: return "populate";
    case Op::any: break;
  }
  return "any";
}

FaultSchedule::RuleId FaultSchedule::add(Fault fault) {
  rules_.push_back({.fault = std::move(fault)});
  return rules_.size() - 1;
}

void FaultSchedule::clear() noexcept {
  for (Rule& rule : rules_) rule.on = false;
}

std::uint64_t FaultSchedule::total_hits() const noexcept {
  std::uint64_t total = 0;
  for (const Rule& rule : rules_) total += rule.hits;
  return total;
}

bool FaultSchedule::matches(const Rule& rule, Op op, const std::string& path, std::uint64_t offset,
                            std::uint64_t length) {
  const Fault& fault = rule.fault;
  if (!rule.on || !(fault.on & op) || rule.hits >= fault.times) return false;
  const bool everywhere = fault.begin == 0 && fault.end == kAlways;
  if (!everywhere && ((op & Op::sync) || offset >= fault.end || offset + length <= fault.begin)) {
    return false;
  }
  return fault.path == "*" || fnmatch(fault.path.c_str(), path.c_str(), 0) == 0;
}

std::optional<FaultHit> FaultSchedule::decide(Op op, std::string_view path, std::uint64_t offset,
                                              std::uint64_t length, Rng& rng) {
  if (rules_.empty()) return std::nullopt;
  const std::string name(path);
  for (Rule& rule : rules_) {
    if (!matches(rule, op, name, offset, length)) continue;
    const Fault& fault = rule.fault;
    if (rule.seen++ < fault.skip) continue;
    const std::uint64_t room = fault.pass_bytes - std::min(fault.pass_bytes, rule.passed_bytes);
    if (length <= room && fault.pass_bytes != 0 && length != 0) {
      rule.passed_bytes += length;
      continue;
    }
    if (!rng.chance(fault.probability)) continue;
    if (room != 0 && length != 0) {
      rule.passed_bytes += room;
      return FaultHit{.effect = Effect::cut_short, .bytes = room};
    }
    ++rule.hits;
    const std::uint64_t bytes = length > 1 ? rng.between(1, length - 1) : length;
    return FaultHit{fault.effect, fault.error, fault.residue, bytes};
  }
  return std::nullopt;
}

}  // namespace siltstone::support
