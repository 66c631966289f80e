// The list of engines.
#include "engine.h"

namespace siltstone::kvbench {

extern const Engine kLeveldbEngine;
extern const Engine kLmdbEngine;
extern const Engine kNullEngine;
extern const Engine kRocksdbEngine;
extern const Engine kSiltstoneEngine;

namespace {
constexpr const Engine* kEngines[] = {
    &kSiltstoneEngine,
#ifdef KVBENCH_ROCKSDB
    &kRocksdbEngine,
#endif
#ifdef KVBENCH_LEVELDB
    &kLeveldbEngine,
#endif
#ifdef KVBENCH_LMDB
    &kLmdbEngine,
#endif
    &kNullEngine,
};
}  // namespace

std::string_view name_of(Durability durability) noexcept {
  return durability == Durability::kill ? "kill" : "power-cut";
}

std::span<const Engine* const> engines() noexcept { return kEngines; }

const Engine* find_engine(std::string_view name) noexcept {
  for (const Engine* engine : kEngines) {
    if (engine->name == name) return engine;
  }
  return nullptr;
}

}  // namespace siltstone::kvbench
