// The index: every search ends where a plain one among sorted strings does, whatever the keys.
#include "table/index.h"

#include <doctest/doctest.h>

#include "support/property.h"
#include "table/keys.h"

using namespace siltstone;
using namespace siltstone::table;

namespace {

struct Ranges {
  std::vector<std::string> separators;
  std::vector<std::uint32_t> ranges;

  [[nodiscard]] std::uint32_t find(std::string_view key) const {
    const auto above = std::upper_bound(separators.begin(), separators.end(), key);
    return above == separators.begin()
               ? 0
               : ranges[static_cast<std::size_t>(above - separators.begin()) - 1];
  }
  [[nodiscard]] Index index(std::size_t prefix = 0) const {
    std::vector<Separator> list;
    for (std::size_t i = 0; i < separators.size(); ++i) {
      list.push_back({std::string_view(separators[i]).substr(prefix), ranges[i]});
    }
    const std::string_view all = separators.empty() ? "" : std::string_view(separators.front());
    return Index::build(all.substr(0, prefix), list);
  }
};

Ranges numbered(std::vector<std::string> separators) {
  Ranges made{std::move(separators), {}};
  for (std::uint32_t i = 1; i <= made.separators.size(); ++i) made.ranges.push_back(i);
  return made;
}

// Calls check(key) for each separator, keys close to it, and others of its shape.
template <typename Check>
void probe(const std::vector<std::string>& separators, KeyShape shape, support::Rng& rng,
           Check check) {
  check(std::string());
  check(std::string(70, '\xff'));
  for (const std::string& separator : separators) {
    check(separator);
    check(near(separator, rng));
    check(near(near(separator, rng), rng));
    check(key_of(shape, rng, separator));
  }
}

}  // namespace

TEST_CASE("index: finds the range of every key, for all shapes of keys") {
  support::for_each_seed(60, [](std::uint64_t seed) {
    for (const KeyShape shape : kKeyShapes) {
      CAPTURE(static_cast<int>(shape));
      support::Rng rng = support::Rng(seed).fork(static_cast<std::uint64_t>(shape));
      const Ranges expected = numbered(sorted_keys(shape, rng, rng.coin() ? rng.below(40) : 400));
      const Index index = expected.index();
      CHECK(index.size() == expected.separators.size());
      std::size_t wrong = 0;
      probe(expected.separators, shape, rng, [&](const std::string& key) {
        wrong += index.find(key) == expected.find(key) ? 0 : 1;
      });
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("index: the prefix may be given apart, and ranges need not have separators") {
  support::for_each_seed(60, [](std::uint64_t seed) {
    for (const KeyShape shape : kKeyShapes) {
      CAPTURE(static_cast<int>(shape));
      support::Rng rng = support::Rng(seed).fork(static_cast<std::uint64_t>(shape));
      Ranges expected = numbered(sorted_keys(shape, rng, rng.between(1, 200)));
      std::uint32_t last = 0;
      for (auto& range : expected.ranges)
        range = last += static_cast<std::uint32_t>(rng.between(1, 3));
      const std::size_t shared =
          base::shared_bytes(expected.separators.front(), expected.separators.back());
      const Index index = expected.index(rng.below(shared + 1));
      std::size_t wrong = 0;
      probe(expected.separators, shape, rng, [&](const std::string& key) {
        wrong += index.find(key) == expected.find(key) ? 0 : 1;
      });
      CHECK(wrong == 0);
      for (std::uint32_t i = 0; i < index.size(); ++i) {
        CHECK(index.separator(i) == expected.separators[i]);
      }
    }
  });
}

TEST_CASE("index: all ways of searching agree, at the edges of lines and levels") {
  support::Rng rng(1);
  for (const unsigned count : {1U, 15U, 16U, 17U, 271U, 272U, 273U, 288U, 4623U, 4624U, 4913U}) {
    std::vector<std::string> separators;
    for (std::size_t i = 0; i < count; ++i) separators.push_back(digits(7 * i, 6));
    const Ranges expected = numbered(separators);
    const Index index = expected.index();
    const auto chosen = trie::chosen_search.load();
    for (const trie::SearchPath& path : trie::all_search_paths()) {
      if (!path.usable()) continue;
      trie::chosen_search.store(path.search);
      std::size_t wrong = 0;
      for (std::size_t number = 0; number < 7 * count + 20; ++number) {
        const std::string key = digits(number, 6);
        wrong += index.find(key) == expected.find(key) ? 0 : 1;
      }
      CHECK(wrong == 0);
    }
    trie::chosen_search.store(chosen);
  }
}

TEST_CASE("index: heads of all ones and all zeros are heads like others") {
  std::vector<std::string> separators = {"", std::string(1, '\0'), std::string(9, '\0')};
  for (std::size_t i = 0; i < 40; ++i) separators.push_back(digits(i, 3));
  for (const unsigned size : {7U, 8U, 9U, 20U}) separators.emplace_back(size, '\xff');
  std::sort(separators.begin(), separators.end());
  const Ranges expected = numbered(separators);
  const Index index = expected.index();
  for (std::size_t size = 0; size < 30; ++size) {
    for (const char c : {'\0', '0', '\xfe', '\xff'}) {
      const std::string key(size, c);
      CHECK(index.find(key) == expected.find(key));
      CHECK(index.find(key + "x") == expected.find(key + "x"));
    }
  }
}

TEST_CASE("index: separators that nest deeper than the trie are compared in full") {
  std::vector<std::string> separators;
  for (std::size_t level = 0; level < 200; ++level) {
    for (const char c : {'a', 'b', 'c', 'd', 'e', 'f'}) {
      separators.push_back(std::string(10 * level, 'x') + c);
    }
  }
  std::sort(separators.begin(), separators.end());
  const Ranges expected = numbered(separators);
  const Index index = expected.index();
  support::Rng rng(1);
  for (const std::string& separator : separators) {
    CHECK(index.find(separator) == expected.find(separator));
    const std::string other = near(separator, rng);
    CHECK(index.find(other) == expected.find(other));
  }
  // Nodes for sixteen levels, and not for two hundred.
  CHECK(index.memory_bytes() < 1200 * 1024);
}

TEST_CASE("index: nothing to search among is range 0") {
  const Index index = Index::build("prefix", {});
  CHECK(index.find("") == 0);
  CHECK(index.find("prefixed") == 0);
  CHECK(index.size() == 0);
  CHECK(index.memory_bytes() == 0);
}

TEST_CASE("index: takes little memory beside the separators' text") {
  support::Rng rng(1);
  std::vector<std::string> keys;
  while (keys.size() < 1000) keys.push_back(key_of(KeyShape::big_endian, rng, ""));
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> separators;
  std::size_t text = 0;
  for (std::size_t i = 1; i < keys.size(); ++i) {
    separators.emplace_back(shortest_separator(keys[i - 1], keys[i]));
    text += separators.back().size();
  }
  CHECK(numbered(separators).index().memory_bytes() < text + separators.size() * 13 + 1000);
}

TEST_CASE("index: the shortest separator is above one key, not above the other, and no longer") {
  support::for_each_seed(300, [](std::uint64_t seed) {
    support::Rng rng(seed);
    const auto keys = sorted_keys(kKeyShapes[rng.below(std::size(kKeyShapes))], rng, 30);
    for (std::size_t i = 1; i < keys.size(); ++i) {
      const std::string_view separator = shortest_separator(keys[i - 1], keys[i]);
      CHECK(keys[i - 1] < separator);
      CHECK(separator <= keys[i]);
      CHECK(separator.substr(0, separator.size() - 1) <= keys[i - 1]);
    }
  });
}
