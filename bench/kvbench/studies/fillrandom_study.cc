// What the store adds to its log: small puts in random order that survive the end of the process,
// beside the log's ring alone, beside nothing at all, and beside RocksDB.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "engine.h"
#include "key_order.h"
#include "keys.h"
#include "studies/bare_ring.h"
#include "studies/study.h"
#include "studies/timing.h"
#include "values.h"
#include "work_dir.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kValueBytes = 100;
constexpr double kCompressibility = 0.5;
constexpr std::uint64_t kSeed = 1;
constexpr std::uint64_t kBatch = 1000;

constexpr const char* kSingle = "one by one";
constexpr const char* kBatches = "batches of 1000";

FigureKey key_of(std::string_view way, std::string_view variant) {
  return {"puts of 16 + 100 B", std::string(variant), std::string(way), "puts/s"};
}

class FillrandomStudy final : public Study {
 public:
  explicit FillrandomStudy(const StudySettings& settings) : settings_(settings) {}

  Result<void> set_up() override { return {}; }

  Result<void> measure(Figures& figures) override {
    SILT_TRY(bare_ring("ring", BareRing::Drains::as_in_a_store, figures));
    SILT_TRY(bare_ring("ring, kept", BareRing::Drains::never, figures));
    for (const std::string_view name : {"null", "siltstone", "rocksdb"}) {
      if (find_engine(name) != nullptr) SILT_TRY(engine(*find_engine(name), figures));
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    const FigureKey ours = key_of("siltstone", kSingle);
    figures.compare("siltstone / ring", ours, key_of("ring", kSingle), 1.0 / 6);
    figures.compare("siltstone / ring, kept", ours, key_of("ring, kept", kSingle));
    figures.compare("siltstone / rocksdb", ours, key_of("rocksdb", kSingle), 4);
    figures.compare("siltstone: batches / one by one", key_of("siltstone", kBatches), ours, 1.6);
    figures.compare("rocksdb: batches / one by one", key_of("rocksdb", kBatches),
                    key_of("rocksdb", kSingle));
    if (find_engine("rocksdb") == nullptr) figures.note("this program was built without rocksdb");
    figures.note(fmt::format(
        "{} entries in random order by one thread, until the last put returned, each on a new "
        "store; what returned survives the end of the process",
        settings_.entries));
    figures.note(
        "ring: the same records go into the log's mapped ring and from there to the disk, without "
        "a store; kept: they go no further; null: what keys and values cost, in all rows");
  }

 private:
  Result<void> bare_ring(std::string_view way, BareRing::Drains drains, Figures& figures) {
    const auto dir = SILT_TRY(WorkDir::create(settings_.dir, "ring", settings_.keep));
    auto ring = BareRing::make(dir.path(), drains);
    if (!ring && ring.error().code() == ErrorCode::unsupported) {
      figures.note("no bare ring: " + ring.error().to_string());
      return {};
    }
    const auto bare = SILT_TRY(std::move(ring));
    const auto put = [&](const Entry& entry) { return bare->put(entry.key, entry.value); };
    figures.add(key_of(way, kSingle), SILT_TRY(fill(put)));
    return {};
  }

  Result<void> engine(const Engine& engine, Figures& figures) {
    for (const std::string_view variant : {kSingle, kBatches}) {
      const auto dir = SILT_TRY(WorkDir::create(settings_.dir, "fill", settings_.keep));
      const auto store =
          SILT_TRY(engine.create(dir.path(), {.durability = Durability::kill, .compress = false}));
      auto session = SILT_TRY(store->session());
      const auto put = [&](const Entry& entry) { return session->put(entry.key, entry.value); };
      const double rate = SILT_TRY(variant == kSingle ? fill(put) : fill_in_batches(*session));
      figures.add(key_of(engine.name, variant), rate);
      session.reset();
      SILT_TRY(store->close());
    }
    return {};
  }

  /// Puts per second.
  template <typename Put>
  Result<double> fill(Put put) const {
    KeyWriter writer(kKeyBytes);
    const std::uint64_t begin = now_ns();
    for (std::uint64_t i = 0; i < settings_.entries; ++i) {
      if (i % kBatch == 0) SILT_TRY(check_interrupt());
      const std::uint64_t number = order_.key_at(i);
      SILT_TRY(put(Entry{writer.write(number), values_.of(number)}));
    }
    return static_cast<double>(settings_.entries) / seconds_since(begin);
  }

  Result<double> fill_in_batches(Session& session) const {
    std::vector<KeyWriter> writers(kBatch, KeyWriter(kKeyBytes));
    std::vector<Entry> entries;
    const std::uint64_t begin = now_ns();
    for (std::uint64_t i = 0; i < settings_.entries; i += entries.size()) {
      SILT_TRY(check_interrupt());
      entries.clear();
      for (std::uint64_t j = i; j < std::min(i + kBatch, settings_.entries); ++j) {
        const std::uint64_t number = order_.key_at(j);
        entries.push_back({writers[j - i].write(number), values_.of(number)});
      }
      SILT_TRY(session.put_batch(entries));
    }
    return static_cast<double>(settings_.entries) / seconds_since(begin);
  }

  const StudySettings& settings_;
  const KeyOrder order_ = KeyOrder::shuffled(settings_.entries, kSeed);
  const Values values_{kValueBytes, kCompressibility, kSeed};
};

}  // namespace

std::unique_ptr<Study> make_fillrandom_study(const StudySettings& settings) {
  return std::make_unique<FillrandomStudy>(settings);
}

}  // namespace siltstone::kvbench
