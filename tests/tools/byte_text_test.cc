// Bytes as text: every byte survives the way there and back, and nonsense is refused.
#include "kvdump/byte_text.h"

#include <doctest/doctest.h>

using namespace siltstone::kvdump;

static std::string text_of(std::string_view bytes, ByteText form) {
  std::string text;
  append_text(text, bytes, form);
  return text;
}

TEST_CASE("byte text: every byte comes back, in every form") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  for (const auto form : {ByteText::escape, ByteText::hex, ByteText::raw}) {
    CHECK(parse_text(text_of(bytes, form), form) == bytes);
  }
}

TEST_CASE("byte text: escaped text is printable and keeps what is printable as it is") {
  CHECK(text_of("user/a b~", ByteText::escape) == "user/a b~");
  CHECK(text_of(std::string_view("a\tb\n\0\x7f\xff\\", 8), ByteText::escape) ==
        R"(a\x09b\x0a\x00\x7f\xff\\)");
}

TEST_CASE("byte text: hex has two lower-case digits a byte, and takes upper-case ones") {
  CHECK(text_of("\x01\xab", ByteText::hex) == "01ab");
  CHECK(parse_text("01AB", ByteText::hex) == "\x01\xab");
}

TEST_CASE("byte text: nonsense is refused") {
  for (const char* text : {"\\", "\\x", "\\x1", "\\xg0", "a\\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_text(text, ByteText::escape));
  }
  for (const char* text : {"0", "0g", "012"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_text(text, ByteText::hex));
  }
}
