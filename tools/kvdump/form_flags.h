// --escape, --hex and --raw: how a verb prints keys and values.
#pragma once

#include <array>

#include <CLI/App.hpp>

#include "byte_text.h"

namespace siltstone::kvdump {

struct FormFlags {
  bool escape = false;
  bool hex = false;
  bool raw = false;

  [[nodiscard]] ByteText form() const noexcept {
    return raw ? ByteText::raw : hex ? ByteText::hex : ByteText::escape;
  }
};

/// Adds the three to `verb`, of which at most one may be given. Raw bytes are no JSON, so `json`
/// excludes them. `flags` outlive the parsing. Returns them in this order, for what they need.
std::array<CLI::Option*, 3> add_form_flags(CLI::App& verb, FormFlags& flags, CLI::Option* json);

}  // namespace siltstone::kvdump
