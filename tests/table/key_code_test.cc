// Key codes against the comparison of whole keys, where words end, where keys end, and where bytes
// are zero or have their top bit set.
#include "table/key_code.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace siltstone::table;

namespace {

// All strings of up to three pieces: they share prefixes across word ends, and differ in zeros.
std::vector<std::string> keys() {
  const std::vector<std::string> pieces = {"",     "a",       std::string(1, '\0'), "\x80",
                                           "abcd", "abc\xff", std::string(9, 'p')};
  std::vector<std::string> all;
  for (const auto& first : pieces) {
    for (const auto& second : pieces) {
      for (const auto& third : pieces)
        all.push_back(std::string(first).append(second).append(third));
    }
  }
  std::ranges::sort(all);
  const auto repeated = std::ranges::unique(all);
  all.erase(repeated.begin(), repeated.end());
  return all;
}

std::string padded(std::string text) {
  text.resize(40, '\0');
  return text;
}

}  // namespace

TEST_CASE("key code: words are big-endian, zero behind the key") {
  CHECK(key_word("abcde", 0) == 0x61626364);
  CHECK(key_word("abcde", 1) == 0x65000000);
  CHECK(key_word("abcde", 2) == 0);
  CHECK(key_word("\xff\x80", 0) == 0xff800000);
  CHECK(key_word("", 0) == 0);
}

TEST_CASE("key code: the first difference is that of the padded keys") {
  for (const auto& a : keys()) {
    for (const auto& b : keys()) {
      const std::string left = padded(a);
      const std::string right = padded(b);
      const auto differ = std::ranges::mismatch(left, right);
      const auto at = static_cast<std::size_t>(differ.in1 - left.begin());
      REQUIRE(first_difference(a, b) == (at == left.size() ? SIZE_MAX : at / kKeyWordBytes));
    }
  }
}

TEST_CASE("key code: codes after one base order keys as their padded bytes do, both ways") {
  const std::vector<std::string> all = keys();
  for (std::size_t base = 0; base < all.size(); base += 3) {
    for (std::size_t i = base; i < all.size(); i += 2) {
      for (std::size_t j = i; j < all.size(); ++j) {
        const KeyCoder up(Direction::forward);
        REQUIRE(up.after(all[base], all[i]) <= up.after(all[base], all[j]));
        const KeyCoder down(Direction::backward);
        REQUIRE(down.after(all[j], all[i]) <= down.after(all[j], all[base]));
      }
    }
  }
}

TEST_CASE("key code: a key that loses keeps its code after the one that beat it") {
  const std::vector<std::string> all = keys();
  const KeyCoder coder(Direction::forward);
  for (std::size_t base = 0; base < all.size(); base += 5) {
    for (std::size_t i = base; i < all.size(); i += 3) {
      for (std::size_t j = i; j < all.size(); ++j) {
        const KeyCode lost = coder.after(all[base], all[j]);
        if (coder.after(all[base], all[i]) == lost) continue;
        REQUIRE(coder.after(all[i], all[j]) == lost);
      }
    }
  }
}

TEST_CASE("key code: no key is behind the end, and the words of its base put a key before all") {
  const std::string longest(65'539, '\xff');
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    const KeyCoder coder(direction);
    CHECK(coder.first(longest) < kNoKey);
    CHECK(coder.first("") < kNoKey);
    CHECK(coder.after(longest, longest) == kSameWords);
    CHECK(coder.after("a", std::string("a\0", 2)) == kSameWords);
    CHECK(coder.after(longest, longest.substr(1) + 'x') > kSameWords);
  }
}
