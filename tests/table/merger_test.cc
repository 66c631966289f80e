// The merger against one sorted vector of everything: random sources, random walks to and fro.
#include "table/merger.h"

#include <algorithm>
#include <compare>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "support/property.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::table;
using support::Rng;

namespace {

constexpr std::size_t kMaxKeyBytes = 256;

struct Item {
  std::string key;
  std::uint64_t sequence = 0;
  std::size_t source = 0;

  friend bool operator==(const Item&, const Item&) = default;
  friend auto operator<=>(const Item& a, const Item& b) {
    return std::tuple(std::string_view(a.key), ~a.sequence, a.source) <=>
           std::tuple(std::string_view(b.key), ~b.sequence, b.source);
  }
};

// Moves its key's memory along with it, as a cursor over blocks does.
class Source {
 public:
  explicit Source(std::vector<Item> items) : items_(std::move(items)) {}

  [[nodiscard]] bool valid() const { return at_ < items_.size(); }
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] base::Sequence sequence() const { return base::Sequence(items_[at_].sequence); }
  void next() { stand(at_ + 1); }
  void previous() { stand(at_ - 1); }
  void seek_first() { stand(0); }
  void seek_last() { stand(items_.size() - 1); }
  // The first entry not before `item`; the last one before it.
  void seek(const Item& item) { stand(lower_bound(item)); }
  void seek_before(const Item& item) { stand(lower_bound(item) - 1); }

 private:
  void stand(std::size_t at) {
    at_ = at;
    key_.assign(kMaxKeyBytes, '#');
    key_ = valid() ? items_[at].key : "";
  }
  [[nodiscard]] std::size_t lower_bound(const Item& item) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(items_, item) - items_.begin());
  }

  std::vector<Item> items_;
  std::size_t at_ = 0;
  std::string key_;
};

// The same, and it knows whether its last step met another version.
class KnowingSource : public Source {
 public:
  using Source::Source;
  void next() {
    const std::string last(key());
    Source::next();
    repeats_ = valid() && key() == last;
  }
  void previous() {
    const std::string last(key());
    Source::previous();
    repeats_ = valid() && key() == last;
  }
  [[nodiscard]] bool repeats_key() const { return repeats_; }

 private:
  bool repeats_ = false;
};

std::string draw_key(Rng& rng, std::size_t prefix) {
  std::string key(prefix, 'p');
  const std::uint64_t length = rng.below(rng.below(10) == 0 ? 40 : 7);
  const std::string alphabet("\0\1a\x7f\x80\xff", 6);
  const std::uint64_t letters = rng.between(1, alphabet.size());
  for (std::uint64_t i = 0; i < length; ++i) key += alphabet[rng.below(letters)];
  return key;
}

struct World {
  std::vector<Item> all;
  std::vector<std::vector<Item>> parts;

  explicit World(Rng& rng) : parts(rng.below(10)) {
    const std::size_t prefix = rng.coin() ? rng.below(20) : 0;
    const std::uint64_t sequences = rng.coin() ? 1 : 5;
    for (std::size_t source = 0; source < parts.size(); ++source) {
      const std::uint64_t count = rng.below(rng.coin() ? 3 : 60);
      for (std::uint64_t i = 0; i < count; ++i) {
        parts[source].push_back({draw_key(rng, prefix), rng.below(sequences), source});
      }
      std::ranges::sort(parts[source]);
      const auto repeated = std::ranges::unique(parts[source]);
      parts[source].erase(repeated.begin(), repeated.end());
      all.insert(all.end(), parts[source].begin(), parts[source].end());
    }
    std::ranges::sort(all);
  }

  template <typename S>
  [[nodiscard]] std::vector<S> sources() const {
    std::vector<S> made;
    made.reserve(parts.size());
    for (const auto& part : parts) made.emplace_back(part);
    return made;
  }
};

template <typename S>
void place(std::vector<S>& sources, const World& world, std::size_t at, Direction direction) {
  for (S& source : sources) {
    if (direction == Direction::forward) {
      at < world.all.size() ? source.seek(world.all[at]) : source.seek({"\xff\xff\xff", 0, 99});
    } else {
      source.seek_before(world.all[at + 1]);
    }
  }
}

template <typename S>
bool stands_on(const Merger<S>& merger, const Item& item) {
  return merger.valid() && merger.key() == item.key && merger.top_index() == item.source &&
         merger.top().sequence().value() == item.sequence;
}

// From a random place on, mostly in one direction.
template <typename S>
void walk(const World& world, Rng& rng) {
  std::vector<S> sources = world.sources<S>();
  Merger<S> merger(sources, kMaxKeyBytes);
  Direction direction =
      rng.coin() || world.all.size() < 2 ? Direction::forward : Direction::backward;
  std::size_t at = rng.below(world.all.size());
  if (direction == Direction::backward) at = rng.below(world.all.size() - 1);
  place(sources, world, at, direction);
  merger.start(direction);
  CHECK(!(merger.valid() && merger.repeats_key()));
  const std::uint64_t steadiness = rng.between(2, 100);
  while (at < world.all.size()) {
    REQUIRE(stands_on(merger, world.all[at]));
    const bool turns = rng.below(steadiness) == 0;
    if (turns) {
      direction = direction == Direction::forward ? Direction::backward : Direction::forward;
    }
    const std::size_t last = at;
    if (direction == Direction::forward) {
      merger.next();
      ++at;
    } else {
      merger.previous();
      --at;  // beyond the first entry it is beyond the last one
    }
    if (at < world.all.size()) {
      REQUIRE(merger.repeats_key() == (!turns && world.all[at].key == world.all[last].key));
    }
  }
  REQUIRE(!merger.valid());
}

}  // namespace

TEST_CASE("merger: any walk over any sources is one over all of their entries, sorted") {
  support::for_each_seed(1500, [](std::uint64_t seed) {
    Rng rng(seed);
    const World world(rng);
    walk<Source>(world, rng);
    walk<KnowingSource>(world, rng);
  });
}

TEST_CASE("merger: no sources, or none with an entry, make a walk of nothing") {
  std::vector<Source> sources;
  Merger<Source> none(sources, kMaxKeyBytes);
  CHECK(!none.valid());
  none.start(Direction::forward);
  CHECK(!none.valid());
  sources.assign(3, Source({}));
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    Merger<Source> empty(sources, kMaxKeyBytes);
    empty.start(direction);
    CHECK(!empty.valid());
  }
}

TEST_CASE("merger: of equal keys and sequences that of the first source comes first") {
  std::vector<Source> sources(5, Source({{"key", 0, 0}}));
  Merger<Source> merger(sources, kMaxKeyBytes);
  for (Source& source : sources) source.seek_first();
  merger.start(Direction::forward);
  for (std::size_t i = 0; i < sources.size(); ++i, merger.next()) {
    CHECK(merger.top_index() == i);
    CHECK(merger.repeats_key() == (i != 0));
  }
  CHECK(!merger.valid());
}

TEST_CASE("merger: keys of the greatest length are compared to their last byte") {
  const std::string prefix(65'538, 'k');
  std::vector<Source> sources;
  sources.emplace_back(std::vector<Item>{{prefix + 'b', 1, 0}, {prefix + 'd', 1, 0}});
  sources.emplace_back(std::vector<Item>{{prefix + 'a', 1, 1}, {prefix + 'c', 1, 1}});
  for (Source& source : sources) source.seek_first();
  Merger<Source> merger(sources, prefix.size() + 1);
  merger.start(Direction::forward);
  std::string order;
  for (; merger.valid(); merger.next()) order += merger.key().back();
  CHECK(order == "abcd");
}
