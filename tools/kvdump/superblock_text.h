// A superblock copy field by field, in both forms.
#pragma once

#include <string>

#include "json.h"
#include "page/page_format.h"

namespace siltstone::kvdump {

/// Says what the copy is, and if it is valid what is in it: one line or three, without a newline at
/// the end.
[[nodiscard]] std::string superblock_text(const page::DecodedSuperblock& copy);
/// The same as an object. Numbers that need 64 bits at random are hexadecimal text.
[[nodiscard]] Json superblock_json(const page::DecodedSuperblock& copy);

/// 'A' or 'B'.
[[nodiscard]] char slot_name(page::Slot slot) noexcept;

}  // namespace siltstone::kvdump
