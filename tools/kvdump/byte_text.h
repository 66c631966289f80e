// Bytes as text and back: how keys and values are printed, and how they are given as arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace siltstone::kvdump {

enum class ByteText : std::uint8_t {
  escape,  ///< Printable ASCII as it is, a backslash twice, every other byte as \xHH.
  hex,     ///< Two lower-case digits a byte.
  raw,     ///< The bytes themselves.
};

/// Appends `bytes` to `out`.
void append_text(std::string& out, std::string_view bytes, ByteText form);

/// The bytes that a text stands for; nothing when it is malformed. Takes what append_text() makes,
/// and for escape any other text too, as long as its backslashes make sense.
[[nodiscard]] std::optional<std::string> parse_text(std::string_view text, ByteText form);

}  // namespace siltstone::kvdump
