// Writes known beforehand, so that readers on other threads can tell what any sequence must show.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "memtable/cursor.h"
#include "memtable/fixture.h"

namespace siltstone::memtable {

/// Sequence s writes key `key_at(s)` with the value "s"; the keys are numbered in their order.
class Plan {
 public:
  Plan(Shape shape, std::uint64_t writes, std::uint64_t universe, std::uint64_t seed) {
    support::Rng rng(seed);
    std::map<std::string, std::vector<std::uint64_t>> sequences;
    std::vector<std::string> written{""};
    for (std::uint64_t s = 1; s <= writes; ++s) {
      written.push_back(key_of(shape, rng.below(universe)));
      sequences[written.back()].push_back(s);
    }
    for (auto& [key, list] : sequences) {
      keys_.push_back(key);
      sequences_.push_back(std::move(list));
    }
    for (const std::string& key : written) {
      key_at_.push_back(
          static_cast<std::size_t>(std::ranges::lower_bound(keys_, key) - keys_.begin()));
    }
  }

  [[nodiscard]] std::uint64_t size() const { return key_at_.size() - 1; }
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }
  /// The sequence that a read of a key at `at` must find; 0: none.
  [[nodiscard]] std::uint64_t expected(std::size_t key, std::uint64_t at) const {
    const auto& list = sequences_[key];
    const auto behind = std::ranges::upper_bound(list, at);
    return behind == list.begin() ? 0 : *(behind - 1);
  }

  /// Links the writes of [first, last], some of them in groups; calls published(s) after each.
  template <typename Published>
  void write(Memtable& table, std::uint64_t first, std::uint64_t last,
             const Published& published) const {
    for (std::uint64_t s = first; s <= last;) {
      Memtable::Staged staged(table);
      const std::uint64_t group = std::min(s % 5 == 0 ? s % 7 + 1 : 1, last - s + 1);
      for (std::uint64_t i = 0; i < group; ++i) {
        if (!staged.put(keys_[key_at_[s + i]], std::to_string(s + i))) return;
      }
      table.link(std::move(staged), base::Sequence(s));
      s += group;
      published(s - 1);
    }
  }

 private:
  std::vector<std::string> keys_;
  std::vector<std::vector<std::uint64_t>> sequences_;
  std::vector<std::size_t> key_at_;
};

/// Reads at a sequence and returns how many answers were wrong.
using Reading =
    std::function<std::uint64_t(const Plan&, const Memtable&, std::uint64_t at, support::Rng&)>;

inline bool is_right(const Plan& plan, std::size_t key, std::uint64_t at,
                     const std::optional<Entry>& entry) {
  const std::uint64_t expected = plan.expected(key, at);
  if (!entry) return expected == 0;
  return entry->sequence.value() == expected && entry->value == std::to_string(expected);
}

inline std::uint64_t read_keys(const Plan& plan, const Memtable& table, std::uint64_t at,
                               support::Rng& rng) {
  std::uint64_t wrong = 0;
  for (int i = 0; i < 20; ++i) {
    const std::size_t key = rng.below(plan.keys().size());
    wrong += is_right(plan, key, at, table.get(plan.keys()[key], base::Sequence(at))) ? 0 : 1;
  }
  return wrong;
}

inline std::uint64_t read_batch(const Plan& plan, const Memtable& table, std::uint64_t at,
                                support::Rng& rng) {
  std::vector<std::size_t> numbers(40);
  std::vector<Key> keys;
  for (auto& number : numbers) {
    number = rng.below(plan.keys().size());
    keys.emplace_back(plan.keys()[number]);
  }
  std::vector<std::optional<Entry>> entries(keys.size());
  table.get_batch(keys, base::Sequence(at), entries);
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    wrong += is_right(plan, numbers[i], at, entries[i]) ? 0 : 1;
  }
  return wrong;
}

/// From random keys to the next one either way: down the tree, and hardly along it.
inline std::uint64_t seek_some(const Plan& plan, const Memtable& table, std::uint64_t at,
                               support::Rng& rng) {
  Cursor cursor(table, base::Sequence(at));
  const std::size_t count = plan.keys().size();
  for (int i = 0; i < 10; ++i) {
    std::size_t key = rng.below(count);
    const bool before = rng.coin();
    before ? cursor.seek_before(plan.keys()[key]) : cursor.seek(plan.keys()[key]);
    if (before) {
      while (key > 0 && plan.expected(key - 1, at) == 0) --key;
      if (cursor.valid() != (key > 0)) return 1;
      if (key > 0 && cursor.key() != plan.keys()[key - 1]) return 1;
    } else {
      while (key < count && plan.expected(key, at) == 0) ++key;
      if (cursor.valid() != (key < count)) return 1;
      if (key < count && cursor.key() != plan.keys()[key]) return 1;
    }
  }
  return 0;
}

/// From a random key some way forward, and some way back.
inline std::uint64_t walk_some(const Plan& plan, const Memtable& table, std::uint64_t at,
                               support::Rng& rng) {
  constexpr int kSteps = 150;
  const auto is_there = [&](std::size_t key) { return plan.expected(key, at) != 0; };
  const std::size_t count = plan.keys().size();
  std::size_t key = rng.below(count);
  Cursor cursor(table, base::Sequence(at));
  cursor.seek(plan.keys()[key]);
  for (int step = 0; step < kSteps; ++step) {
    while (key < count && !is_there(key)) ++key;
    if (cursor.valid() != (key < count)) return 1;
    if (key == count) break;
    if (cursor.key() != plan.keys()[key]) return 1;
    if (cursor.sequence().value() != plan.expected(key, at)) return 1;
    cursor.next();
    ++key;
  }
  key = cursor.valid() ? key : count;
  cursor.valid() ? cursor.seek_before(plan.keys()[key]) : cursor.seek_last();
  for (int step = 0; step < 2 * kSteps; ++step) {
    while (key > 0 && !is_there(key - 1)) --key;
    if (cursor.valid() != (key > 0)) return 1;
    if (key == 0) break;
    --key;
    if (cursor.key() != plan.keys()[key]) return 1;
    cursor.previous();
  }
  return 0;
}

}  // namespace siltstone::memtable
