// Keys: words of keyspace and text, and the comparisons made of them.
#include "memtable/key.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "memtable/fixture.h"
#include "memtable/record.h"
#include "support/rng.h"

using namespace siltstone;
using namespace siltstone::memtable;

namespace {

// As records lie in the arena: in one piece, padded, with a version behind.
struct Stored {
  explicit Stored(const Key& key) : bytes(Record::bytes(key.size()) + Version::bytes({}, 0)) {
    auto& record = *new (bytes.data()) Record;
    record.key_bytes = static_cast<std::uint32_t>(key.size());
    for (int i = 0; i < 4; ++i) {
      bytes[8 + static_cast<std::size_t>(i)] =
          static_cast<std::byte>(key.keyspace.value() >> (24 - 8 * i));
    }
    for (std::size_t i = 0; i < key.user.size(); ++i) {
      bytes[12 + i] = static_cast<std::byte>(key.user[i]);
    }
    // What lies behind a key may be anything.
    for (std::size_t i = 12 + key.user.size(); i < bytes.size(); ++i) bytes[i] = std::byte{0xa5};
  }
  [[nodiscard]] const Record& record() const {
    return *reinterpret_cast<const Record*>(bytes.data());
  }

  std::vector<std::byte> bytes;
};

std::string whole(const Key& key) {
  std::string text = big_endian(key.keyspace.value()).substr(4);
  return text.append(key.user);
}

std::uint64_t plain_word(const std::string& text, std::size_t at) {
  std::uint64_t word = 0;
  for (std::size_t i = at; i < at + 8; ++i) {
    word = word << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
  }
  return word;
}

int sign(std::strong_ordering order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

}  // namespace

TEST_CASE("key: words are eight bytes of keyspace and text, zeros behind the end") {
  for (std::size_t size = 0; size < 30; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(0xf0 - i);
    const Key key(base::KeyspaceId(0x0102'0304), text);
    const Stored stored(key);
    for (std::size_t at = 0; at < 40; ++at) {
      CAPTURE(size);
      CAPTURE(at);
      REQUIRE(key.word(at) == plain_word(whole(key), at));
      REQUIRE(stored.record().word(at) == plain_word(whole(key), at));
    }
  }
}

TEST_CASE("key: keys and records compare as their bytes do, from any place on that they share") {
  support::Rng rng(5);
  for (int i = 0; i < 20'000; ++i) {
    const auto draw = [&rng] {
      std::string text(rng.below(20), '\0');
      for (char& c : text) c = rng.chance(0.9) ? '\0' : static_cast<char>(rng.next());
      return text;
    };
    const std::string left_text = draw();
    const std::string right_text = rng.coin() ? draw() : left_text + draw();
    const Key left(base::KeyspaceId(rng.below(2) == 0 ? 0 : 0xff00'0000), left_text);
    const Key right(base::KeyspaceId(rng.below(3) == 0 ? 1 : 0), right_text);
    const std::string a = whole(left);
    const std::string b = whole(right);
    std::size_t shared = 0;
    while (shared < a.size() && shared < b.size() && a[shared] == b[shared]) ++shared;
    const Stored stored(right);
    const int expected = sign(a.compare(b) <=> 0);
    for (std::size_t from = 0; from <= shared; ++from) {
      REQUIRE(sign(compare(left, stored.record(), from)) == expected);
    }
    REQUIRE(stored.record().holds(left) == (expected == 0));
    REQUIRE(shared_bytes(left, stored.record(), shared) == shared);
    REQUIRE(compare_within(left, stored.record(), 0, shared) == 0);
    if (shared < a.size() && shared < b.size()) {
      REQUIRE(shared_bytes(left, stored.record(), shared + 5) == shared);
      REQUIRE(sign(compare_within(left, stored.record(), 0, shared + 1)) == expected);
    }
  }
}

TEST_CASE("key: what a record says of itself is what was written") {
  const Key key(base::KeyspaceId(0xdead'beef), "text");
  const Stored stored(key);
  CHECK(stored.record().keyspace() == key.keyspace);
  CHECK(stored.record().user_key() == "text");
  CHECK(stored.record().holds(key));
  CHECK(!stored.record().holds(Key("text")));
  CHECK(!stored.record().holds(Key(key.keyspace, "texts")));
}
