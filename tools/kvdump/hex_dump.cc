// See hex_dump.h.
#include "hex_dump.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

namespace siltstone::kvdump {
namespace {

constexpr std::size_t kLineBytes = 16;

void append_line(std::string& out, std::size_t offset, base::Bytes line) {
  out += fmt::format("{:08x} ", offset);
  std::string text;
  for (std::size_t i = 0; i < kLineBytes; ++i) {
    if (i == kLineBytes / 2) out += ' ';
    if (i >= line.size()) {
      out += "   ";
      continue;
    }
    const auto value = std::to_integer<unsigned>(line[i]);
    out += fmt::format(" {:02x}", value);
    text += value >= 0x20 && value < 0x7f ? static_cast<char>(value) : '.';
  }
  out += fmt::format("  |{}|\n", text);
}

}  // namespace

std::string hex_dump(base::Bytes bytes) {
  std::string out;
  base::Bytes before;
  bool skipping = false;
  for (std::size_t offset = 0; offset < bytes.size(); offset += kLineBytes) {
    const base::Bytes line = bytes.subspan(offset, std::min(kLineBytes, bytes.size() - offset));
    const bool same = std::ranges::equal(line, before);
    if (same && !skipping) out += "*\n";
    if (!same) append_line(out, offset, line);
    skipping = same;
    before = line;
  }
  return out + fmt::format("{:08x}\n", bytes.size());
}

}  // namespace siltstone::kvdump
