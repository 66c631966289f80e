// The memtable against a plain map of lists: random operations on keys of every shape, read at
// random sequences, by iterators that are held open while the writer goes on.
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "memtable/cursor.h"
#include "memtable/fixture.h"
#include "support/property.h"

using namespace siltstone;
using namespace siltstone::memtable;
using base::Sequence;
using support::Rng;

namespace {

// A cursor and where the model says that it stands.
struct Held {
  Cursor cursor;
  std::uint64_t at;
  std::optional<std::string> key;
};

class Run {
 public:
  Run(std::uint64_t seed, Shape shape)
      : shape_(shape), rng_(seed), universe_(rng_.between(20, 3000)) {}

  void step() {
    const std::uint64_t kind = rng_.below(100);
    if (kind < 50) {
      write();
    } else if (kind < 70) {
      check_get();
    } else if (kind < 75) {
      const std::uint64_t at = draw_sequence();
      held_.emplace_back(Cursor(*table_, Sequence(at)), at, std::nullopt);
      if (held_.size() > 4) held_.pop_front();
    } else if (!held_.empty()) {
      move(held_[rng_.below(held_.size())]);
    }
  }

  void check_all() {
    for (const std::uint64_t at : {sequence_, draw_sequence()}) {
      Held all{Cursor(*table_, Sequence(at)), at, std::nullopt};
      all.cursor.seek("");
      all.key = model_.forward("", false, at);
      while (check(all) && all.key) next(all);
      all.cursor.seek_last();
      all.key = model_.backward(std::nullopt, at);
      while (check(all) && all.key) previous(all);
    }
  }

 private:
  std::string draw_key() { return key_of(shape_, rng_.below(universe_)); }

  std::uint64_t draw_sequence() { return rng_.chance(0.3) ? sequence_ : rng_.below(sequence_ + 1); }

  void write() {
    pending_.clear();
    Memtable::Staged staged(*table_);
    const std::uint64_t count = rng_.chance(0.8) ? 1 : rng_.between(2, 20);
    for (std::uint64_t i = 1; i <= count; ++i) {
      const std::string key = draw_key();
      Model::Version version{sequence_ + i, Kind::value, std::to_string(sequence_ + i), 0};
      version.value.resize(rng_.chance(0.1) ? rng_.below(300) : version.value.size(), 'v');
      if (rng_.chance(0.2)) version = {sequence_ + i, Kind::erase, "", 0};
      if (rng_.chance(0.2)) {
        version.kind = Kind::value_with_expiry;
        version.expiry = static_cast<std::int64_t>(rng_.next());
      }
      bool fits = false;
      switch (version.kind) {
        case Kind::value: fits = staged.put(key, version.value); break;
        case Kind::erase: fits = staged.erase(key); break;
        case Kind::value_with_expiry: fits = staged.put(key, version.value, version.expiry); break;
        default: REQUIRE(false);
      }
      if (!fits) return;  // full: nothing of it counts
      pending_.emplace_back(key, std::move(version));
    }
    table_->link(std::move(staged), Sequence(sequence_ + 1));
    for (auto& [key, version] : pending_) model_.add(key, std::move(version));
    sequence_ += count;
  }

  void check_get() {
    const std::string key = draw_key();
    const std::uint64_t at = draw_sequence();
    const Model::Version* const expected = model_.find(key, at);
    const auto entry = table_->get(key, Sequence(at));
    REQUIRE(entry.has_value() == (expected != nullptr));
    if (expected == nullptr) return;
    REQUIRE(entry->sequence.value() == expected->sequence);
    REQUIRE(entry->kind == expected->kind);
    REQUIRE(entry->value == expected->value);
    REQUIRE(entry->expiry == expected->expiry);
  }

  void move(Held& held) {
    const std::uint64_t kind = rng_.below(100);
    if (kind < 10 || !held.key) {
      const std::string key = draw_key();
      const bool before = rng_.coin();
      before ? held.cursor.seek_before(key) : held.cursor.seek(key);
      held.key = before ? model_.backward(key, held.at) : model_.forward(key, false, held.at);
    } else if (kind < 55) {
      next(held);
    } else {
      previous(held);
    }
    REQUIRE(check(held));
  }

  void next(Held& held) {
    held.cursor.next();
    held.key = model_.forward(*held.key, true, held.at);
  }
  void previous(Held& held) {
    held.cursor.previous();
    held.key = model_.backward(held.key, held.at);
  }

  bool check(const Held& held) {
    REQUIRE(held.cursor.valid() == held.key.has_value());
    if (!held.key) return true;
    const Model::Version& expected = *model_.find(*held.key, held.at);
    REQUIRE(held.cursor.key() == *held.key);
    REQUIRE(held.cursor.sequence().value() == expected.sequence);
    REQUIRE(held.cursor.kind() == expected.kind);
    REQUIRE(held.cursor.value() == expected.value);
    REQUIRE(held.cursor.expiry() == expected.expiry);
    return true;
  }

  const Shape shape_;
  Rng rng_;
  const std::uint64_t universe_;
  std::unique_ptr<Memtable> table_ = make_memtable();
  Model model_;
  std::vector<std::pair<std::string, Model::Version>> pending_;
  std::deque<Held> held_;
  std::uint64_t sequence_ = 0;
};

}  // namespace

TEST_CASE("memtable model: it answers as a map of version lists does, at every sequence") {
  for (const Shape shape : kShapes) {
    support::for_each_seed(4, [&](std::uint64_t seed) {
      CAPTURE(static_cast<int>(shape));
      Run run(seed, shape);
      for (int i = 0; i < 4000; ++i) run.step();
      run.check_all();
    });
  }
}
