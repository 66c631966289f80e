// The newest entries of a store, in memory and in order: every version of every key, as a plain
// ordered map under one readers-writer lock. It stands where a B+tree over an arena will stand.
//
// Invariants:
// 1. Order is user key ascending (unsigned bytes), then sequence descending: the newest version of
//    a key comes first.
// 2. An entry never changes once linked, and is never removed: its address is good as long as the
//    memtable, and a position in the map stays one. Only the map's own links need the lock.
// 3. Linking allocates nothing and cannot fail. All memory is had while entries are staged.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/mutex.h"

namespace siltstone::memtable {

class Cursor;

/// Thread-safe.
class Memtable {
  struct Version {
    std::string key;
    base::Sequence sequence;
  };
  // What a search compares with versions, without copying the key.
  struct Target {
    std::string_view key;
    base::Sequence sequence;
  };
  struct Order {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const noexcept {
      const int keys = std::string_view(a.key).compare(b.key);
      return keys != 0 ? keys < 0 : a.sequence > b.sequence;
    }
  };
  // An entry without a value says that the key was erased.
  using Map = std::map<Version, std::optional<std::string>, Order>;

 public:
  /// The entries of one write, ready to be linked: made before its sequences are known, and without
  /// any lock. Thread-bound.
  class Staged {
   public:
    /// Throws only std::bad_alloc.
    void put(std::string_view key, std::string_view value);
    void erase(std::string_view key);

    /// Operations staged: the sequences that linking takes.
    [[nodiscard]] std::size_t count() const noexcept { return entries_.size(); }

   private:
    friend class Memtable;

    Map entries_;  // sequences count from 0 within the write
  };

  Memtable() = default;
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;
  ~Memtable() = default;

  /// Puts the entries at the sequences from `first` on, in the order they were staged. Requires
  /// that these sequences were never linked before. Readers at smaller sequences do not see them.
  void link(Staged&& staged, base::Sequence first) noexcept SILT_EXCLUDES(mutex_);

  /// The value that `key` had at sequence `at`, or nothing. The view lives as long as the memtable.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view key,
                                                    base::Sequence at) const noexcept
      SILT_EXCLUDES(mutex_);

 private:
  friend class Cursor;

  mutable base::SharedMutex mutex_;
  Map entries_ SILT_GUARDED_BY(mutex_);
};

}  // namespace siltstone::memtable
