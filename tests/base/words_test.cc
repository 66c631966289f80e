// Words: they order strings as bytes do, and never read beyond the end of a text.
#include "base/words.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "support/property.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::base;

namespace {

// In memory of exactly its size, so that a sanitizer sees what is read beyond.
class Exact {
 public:
  explicit Exact(const std::string& text) : bytes_(new char[text.size()]), size_(text.size()) {
    text.copy(bytes_.get(), size_);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

std::uint64_t word_by_bytes(std::string_view text, std::size_t at) {
  std::uint64_t word = 0;
  for (std::size_t i = at; i < at + kWordBytes; ++i) {
    word = word << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
  }
  return word;
}

// Few letters, so that much is shared; the extremes among them.
std::string some_text(support::Rng& rng) {
  std::string text(rng.below(20), '\0');
  for (char& c : text) c = "\0a\x7f\x80\xff"[rng.below(5)];
  return text;
}

}  // namespace

TEST_CASE("words: the word of a place is its eight bytes, zeros behind the end") {
  support::for_each_seed(2000, [](std::uint64_t seed) {
    support::Rng rng(seed);
    const Exact text(some_text(rng));
    for (std::size_t at = 0; at < text.view().size() + 10; ++at) {
      CHECK(word_of(text.view(), at) == word_by_bytes(text.view(), at));
    }
  });
}

TEST_CASE("words: heads and words order texts as bytes do, but for zeros at the end") {
  support::for_each_seed(2000, [](std::uint64_t seed) {
    support::Rng rng(seed);
    const std::string a = some_text(rng).substr(0, kWordBytes);
    const std::string b = some_text(rng).substr(0, kWordBytes);
    const std::uint64_t left = word_of(a, 0);
    const std::uint64_t right = word_of(b, 0);
    if (left != right) CHECK((left < right) == (a < b));
    CHECK((left < right) == (head_of(left) < head_of(right)));
    CHECK(word_of_head(head_of(left)) == left);
  });
}

TEST_CASE("words: what two texts share is counted in bytes, up to the end of the shorter one") {
  support::for_each_seed(2000, [](std::uint64_t seed) {
    support::Rng rng(seed);
    std::string a = some_text(rng);
    std::string b = some_text(rng);
    b.replace(0, rng.below(b.size() + 1), a, 0, rng.below(a.size() + 1));
    std::size_t shared = 0;
    while (shared < a.size() && shared < b.size() && a[shared] == b[shared]) ++shared;
    CHECK(shared_bytes(Exact(a).view(), Exact(b).view()) == shared);
    const std::size_t in_word = common_bytes(word_of(a, 0), word_of(b, 0));
    if (shared < kWordBytes && shared < a.size() && shared < b.size()) CHECK(in_word == shared);
  });
}

TEST_CASE("words: leading bytes stay, zeros follow") {
  constexpr std::uint64_t kWord = 0x1122'3344'5566'7788;
  CHECK(leading_bytes(kWord, 0) == 0);
  CHECK(leading_bytes(kWord, 3) == 0x1122'3300'0000'0000);
  CHECK(leading_bytes(kWord, 8) == kWord);
  CHECK(leading_bytes(kWord, 100) == kWord);
}
