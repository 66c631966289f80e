// Byte ranges, split where only a part is given back.
#include "support/sim_locks.h"

#include <algorithm>

namespace siltstone::support {

namespace {

bool overlap(LockTable::Range a, LockTable::Range b) { return a.begin < b.end && b.begin < a.end; }

}  // namespace

bool LockTable::conflicts(Inode inode, Holder holder, io::LockKind kind, Range range) const {
  const auto found = locks_.find(inode);
  if (found == locks_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Lock& lock) {
    const bool both_shared = kind == io::LockKind::shared && lock.kind == io::LockKind::shared;
    return lock.holder != holder && !both_shared && overlap(lock.range, range);
  });
}

bool LockTable::try_lock(Inode inode, Holder holder, io::LockKind kind, Range range) {
  if (conflicts(inode, holder, kind, range)) return false;
  unlock(inode, holder, range);
  locks_[inode].push_back({holder, kind, range});
  return true;
}

void LockTable::unlock(Inode inode, Holder holder, Range range) {
  std::vector<Lock> remaining;
  for (const Lock& lock : locks_[inode]) {
    if (lock.holder != holder || !overlap(lock.range, range)) {
      remaining.push_back(lock);
      continue;
    }
    if (lock.range.begin < range.begin) {
      remaining.push_back({holder, lock.kind, {lock.range.begin, range.begin}});
    }
    if (range.end < lock.range.end) {
      remaining.push_back({holder, lock.kind, {range.end, lock.range.end}});
    }
  }
  locks_[inode] = std::move(remaining);
}

void LockTable::release(Inode inode, Holder holder) {
  std::erase_if(locks_[inode], [=](const Lock& lock) { return lock.holder == holder; });
}

}  // namespace siltstone::support
