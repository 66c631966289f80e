// The list of engines.
#include "engine.h"

namespace siltstone::kvbench {

extern const Engine kNullEngine;
extern const Engine kSiltstoneEngine;

namespace {
constexpr const Engine* kEngines[] = {&kSiltstoneEngine, &kNullEngine};
}  // namespace

std::span<const Engine* const> engines() noexcept { return kEngines; }

const Engine* find_engine(std::string_view name) noexcept {
  for (const Engine* engine : kEngines) {
    if (engine->name == name) return engine;
  }
  return nullptr;
}

}  // namespace siltstone::kvbench
