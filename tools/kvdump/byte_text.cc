// Three encodings, each reversible.
#include "byte_text.h"

namespace siltstone::kvdump {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

void append_hex(std::string& out, unsigned char byte) {
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// The byte that two digits at the start of `text` stand for.
std::optional<char> byte_of(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto high = digit(text[0]);
  const auto low = digit(text[1]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high * 16 + *low);
}

std::optional<std::string> parse_hex(std::string_view text) {
  std::string bytes;
  for (; !text.empty(); text.remove_prefix(2)) {
    const auto byte = byte_of(text);
    if (!byte) return std::nullopt;
    bytes += *byte;
  }
  return bytes;
}

std::optional<std::string> parse_escaped(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    if (text.front() != '\\') {
      bytes += text.front();
      text.remove_prefix(1);
    } else if (text.starts_with("\\\\")) {
      bytes += '\\';
      text.remove_prefix(2);
    } else {
      const auto byte = text.starts_with("\\x") ? byte_of(text.substr(2)) : std::nullopt;
      if (!byte) return std::nullopt;
      bytes += *byte;
      text.remove_prefix(4);
    }
  }
  return bytes;
}

}  // namespace

void append_text(std::string& out, std::string_view bytes, ByteText form) {
  if (form == ByteText::raw) {
    out += bytes;
    return;
  }
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (form == ByteText::hex) {
      append_hex(out, byte);
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      append_hex(out, byte);
    }
  }
}

std::optional<std::string> parse_text(std::string_view text, ByteText form) {
  switch (form) {
    case ByteText::escape: return parse_escaped(text);
    case ByteText::hex: return parse_hex(text);
    case ByteText::raw: break;
  }
  return std::string(text);
}

}  // namespace siltstone::kvdump
