// How bytes are printed for people.
#include "kvdump/hex_dump.h"

#include <string>

#include <doctest/doctest.h>

namespace siltstone::kvdump {

TEST_CASE("hex dump: offset, bytes and text, the last line padded") {
  CHECK(hex_dump(base::as_bytes("0123456789abcdef\n~\x7f")) ==
        "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
        "00000010  0a 7e 7f                                          |.~.|\n"
        "00000013\n");
  CHECK(hex_dump({}) == "00000000\n");
}

TEST_CASE("hex dump: equal lines become a star, one that differs is printed") {
  const std::string bytes = std::string(64, '\0') + std::string(16, 'x') + std::string(16, 'x');
  CHECK(hex_dump(base::as_bytes(bytes)) ==
        "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
        "*\n"
        "00000040  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  |xxxxxxxxxxxxxxxx|\n"
        "*\n"
        "00000060\n");
}

}  // namespace siltstone::kvdump
