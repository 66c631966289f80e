// The engine that does nothing: what it costs is what the harness costs.
#include "engine.h"
#include "scan_sink.h"

namespace siltstone::kvbench {
namespace {

constexpr std::string_view kKey = "0000000000000000";
constexpr std::string_view kValue = "a value that nobody wrote";

class NullSession final : public Session {
 public:
  Result<void> put(std::string_view, std::string_view) override { return {}; }
  Result<void> put_batch(std::span<const Entry>) override { return {}; }
  Result<std::optional<std::string_view>> get(std::string_view) override { return kValue; }
  Result<void> scan(ScanSink& sink) override {
    std::string_view key = kKey;
    // The compiler may not know that every key is the same one, or it would take them all at once.
    while (sink.take(key, kValue)) asm volatile("" : "+m"(key));
    return {};
  }
};

class NullStore final : public Store {
 public:
  Result<std::unique_ptr<Session>> session() override { return std::make_unique<NullSession>(); }
  Result<void> close() override { return {}; }
};

std::string version() { return "-"; }
NamedValues settings(const StoreOptions&) { return {}; }
Result<std::unique_ptr<Store>> create(const std::string&, const StoreOptions&) {
  return std::make_unique<NullStore>();
}

}  // namespace

extern const Engine kNullEngine;
const Engine kNullEngine = {
    .name = "null",
    .keeps_data = false,
    .version = version,
    .settings = settings,
    .create = create,
};

}  // namespace siltstone::kvbench
