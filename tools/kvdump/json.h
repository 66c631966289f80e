// JSON as kvdump prints it: fields in the order given, a line for each piece.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace siltstone::kvdump {

using Json = nlohmann::ordered_json;

/// In one line. What is not UTF-8 is replaced.
[[nodiscard]] inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace siltstone::kvdump
