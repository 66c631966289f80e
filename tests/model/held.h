// What a run holds on to: iterators and snapshots, with what they must go on to show whatever is
// written meanwhile, and must say once their store was closed. An empty string says that all is
// well.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <siltstone/error.h>
#include <siltstone/iterator.h>
#include <siltstone/snapshot.h>

#include "model/oracle.h"

namespace siltstone::model {

class HeldIterator {
 public:
  /// A fresh one over a whole store that shows `state`.
  HeldIterator(Iterator iterator, State state);
  /// Moving it would leave its place in the state behind.
  HeldIterator(HeldIterator&&) = delete;
  ~HeldIterator() = default;

  /// Goes on by so many entries.
  [[nodiscard]] std::string advance(std::uint64_t entries);
  /// The store was closed.
  [[nodiscard]] std::string check_closed() const;

 private:
  Iterator iterator_;
  const State state_;
  State::const_iterator at_;
};

/// Thread-safe, as the snapshot is.
class HeldSnapshot {
 public:
  /// Of a store that shows `state`.
  HeldSnapshot(Snapshot snapshot, State state);

  [[nodiscard]] const Snapshot& snapshot() const noexcept { return snapshot_; }
  [[nodiscard]] const State& state() const noexcept { return state_; }

  [[nodiscard]] std::string check_key(const std::string& key) const;
  [[nodiscard]] std::string check_all() const;
  /// The store was closed.
  [[nodiscard]] std::string check_closed() const;

 private:
  Snapshot snapshot_;
  State state_;
};

}  // namespace siltstone::model
