// hash64: the values of XXH3, which are stored and may never change.
#include "base/hash.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/bytes.h"

using namespace siltstone;

TEST_CASE("hash: the values of XXH3 with 64 bits, seeded and not") {
  CHECK(base::hash64({}, 0) == 0x2d06'8005'38d3'94c2);
  CHECK(base::hash64(base::as_bytes("siltstone"), 0) == 0xe4f4'06f5'4887'3481);
  CHECK(base::hash64(base::as_bytes("siltstone"), 42) == 0x54ce'9509'4057'1ca7);
  const std::vector<std::byte> zeros(1000);
  CHECK(base::hash64(zeros, 42) == 0xd6d7'ab82'1095'd9af);
}

TEST_CASE("hash: does not depend on where the bytes lie") {
  std::vector<std::byte> bytes(300 + 8);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / 8 % 7);
  for (std::size_t size = 0; size <= 300; size += 5) {
    const std::vector<std::byte> copy(bytes.begin() + 3,
                                      bytes.begin() + 3 + static_cast<std::ptrdiff_t>(size));
    CHECK(base::hash64(std::span(bytes).subspan(3, size), 7) == base::hash64(copy, 7));
  }
}

TEST_CASE("hash: of a key, is that of its keyspace and the user's key in one piece") {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 8, 251, 252, 253, 1000, 65535}) {
    const std::string user(size, 'k');
    for (const std::uint32_t keyspace : {0U, 1U, 0x0102'0304U}) {
      std::string whole;
      for (int shift = 24; shift >= 0; shift -= 8) whole += static_cast<char>(keyspace >> shift);
      whole += user;
      CHECK(base::hash_key(base::KeyspaceId(keyspace), user, 42) ==
            base::hash64(base::as_bytes(whole), 42));
    }
  }
}
