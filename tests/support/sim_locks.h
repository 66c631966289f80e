// Open-file-description locks as Linux keeps them: by open file and byte range, never waiting, gone
// with the open file.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "io/storage.h"
#include "support/sim_disk.h"

namespace siltstone::support {

class LockTable {
 public:
  using Holder = std::uint64_t;

  struct Range {
    std::uint64_t begin;
    std::uint64_t end;  ///< Exclusive.
  };

  /// False when another holder's lock conflicts. A holder's own locks never conflict: the range
  /// becomes what was asked last.
  bool try_lock(Inode inode, Holder holder, io::LockKind kind, Range range);
  void unlock(Inode inode, Holder holder, Range range);
  [[nodiscard]] bool conflicts(Inode inode, Holder holder, io::LockKind kind, Range range) const;
  void release(Inode inode, Holder holder);
  void clear() noexcept { locks_.clear(); }

 private:
  struct Lock {
    Holder holder;
    io::LockKind kind;
    Range range;
  };

  std::map<Inode, std::vector<Lock>> locks_;
};

}  // namespace siltstone::support
