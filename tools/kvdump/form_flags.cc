// See form_flags.h.
#include "form_flags.h"

namespace siltstone::kvdump {

std::array<CLI::Option*, 3> add_form_flags(CLI::App& verb, FormFlags& flags, CLI::Option* json) {
  CLI::Option* const escape =
      verb.add_flag("--escape", flags.escape, "Print bytes as escaped text (the default)");
  CLI::Option* const hex =
      verb.add_flag("--hex", flags.hex, "Print bytes as hexadecimal digits")->excludes(escape);
  CLI::Option* const raw = verb.add_flag("--raw", flags.raw, "Print bytes as they are")
                               ->excludes(escape)
                               ->excludes(hex)
                               ->excludes(json);
  return {escape, hex, raw};
}

}  // namespace siltstone::kvdump
