// Bytes for people who read bytes.
#pragma once

#include <string>

#include "base/bytes.h"

namespace siltstone::kvdump {

/// Lines of offset, 16 bytes in hexadecimal and as text, as `hexdump -C` prints them. Lines like
/// the one before become a single "*"; the last line is the length.
[[nodiscard]] std::string hex_dump(base::Bytes bytes);

}  // namespace siltstone::kvdump
