// What each way to be durable costs: the same small puts one by one and in batches, in every mode,
// and all that helps together; beside what is told of another engine.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/compression.h"
#include "base/try.h"
#include "studies/put_bench.h"
#include "studies/study.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

/// Puts before a measurement, so that the store is not new to it: a tenth, but at least so many.
constexpr std::uint64_t kLeastWarmUp = 1000;
constexpr double kWanted = 5;

/// A way to write.
struct Way {
  std::string_view name;
  PutBench::Configure configure;
  std::uint64_t batch;  ///< Puts in a batch; 1: none.
  double elsewhere;     ///< Writes per second that are told of another engine.
  bool compressed = false;
};

constexpr std::array kWays{
    Way{"sync per put", [](Builder&) {}, 1, 786},
    Way{"interval of 100 ms",
        [](Builder& builder) { builder.sync_interval(std::chrono::milliseconds(100)); }, 1, 83'905},
    Way{"batches of 100, synced", [](Builder&) {}, 100, 78'303},
    Way{"write_back",
        [](Builder& builder) { builder.durability(siltstone::Durability::write_back); }, 1,
        112'817},
    Way{"batches of 100, write_back, snappy",
        [](Builder& builder) {
          builder.durability(siltstone::Durability::write_back).compression(Compression::snappy);
        },
        100, 197'740, true},
};

constexpr const char* kReturned = "returned";
constexpr const char* kFlushed = "and flushed";

FigureKey key_of(const Way& way, std::uint64_t puts, std::string_view until) {
  return {fmt::format("{} puts of 16 + 100 B", puts), std::string(way.name), std::string(until),
          "puts/s"};
}

bool is_possible(const Way& way) {
  return !way.compressed || base::codec_available(base::Codec::snappy);
}

class DurabilityStudy final : public Study {
 public:
  explicit DurabilityStudy(const StudySettings& settings) : settings_(settings) {}

  Result<void> set_up() override { return {}; }

  Result<void> measure(Figures& figures) override {
    for (const std::uint64_t puts : settings_.puts) {
      for (const Way& way : kWays) {
        if (is_possible(way)) SILT_TRY(measure_way(way, puts, figures));
      }
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    for (const std::uint64_t puts : settings_.puts) {
      const FigureKey first = key_of(kWays[0], puts, kReturned);
      for (const Way& way : kWays) {
        const FigureKey key = key_of(way, puts, kReturned);
        const bool is_first = way.name == kWays[0].name;
        figures.compare(
            fmt::format("{}: {} / {:.0f} told elsewhere", puts, way.name, way.elsewhere), key,
            way.elsewhere, is_first ? std::nullopt : std::optional(kWanted));
        if (is_first) continue;
        figures.compare(fmt::format("{}: {} / sync per put", puts, way.name), key, first,
                        std::nullopt, way.elsewhere / kWays[0].elsewhere);
      }
    }
    if (!is_possible(kWays.back())) figures.note("this build has no snappy");
    figures.note(
        "one thread, on a new store each time; before a measurement a tenth as many puts, and at "
        "least 1000, that are not counted");
    figures.note(
        "returned: when the last put had returned; and flushed: when all of them survive "
        "a power cut");
    figures.note(
        "sync per put and batches, synced: each survives a power cut when it returns; "
        "interval: the end of the process, and a power cut soon after; write_back: "
        "neither before a flush");
  }

 private:
  Result<void> measure_way(const Way& way, std::uint64_t puts, Figures& figures) {
    const auto bench = SILT_TRY(PutBench::make(settings_, way.configure));
    const std::uint64_t warm_up = std::max(puts / 10, kLeastWarmUp);
    SILT_TRY(put_all(*bench, way, warm_up));
    SILT_TRY(bench->db().flush());
    const std::uint64_t begin = now_ns();
    const std::uint64_t done = SILT_TRY(put_all(*bench, way, puts));
    const double returned = seconds_since(begin);
    SILT_TRY(bench->db().flush());
    const double flushed = seconds_since(begin);
    figures.add(key_of(way, puts, kReturned), static_cast<double>(done) / returned);
    figures.add(key_of(way, puts, kFlushed), static_cast<double>(done) / flushed);
    if (done < puts) {
      figures.note(fmt::format("{}: the time of {} s was over before all {} puts were made",
                               way.name, settings_.limit_seconds, puts));
    }
    return bench->db().close();
  }

  /// How many there were when they were all, or the time was over.
  Result<std::uint64_t> put_all(PutBench& bench, const Way& way, std::uint64_t puts) const {
    constexpr std::uint64_t kPutsPerLook = 100;
    const std::uint64_t begin = now_ns();
    std::uint64_t done = 0;
    while (done < puts && seconds_since(begin) < settings_.limit_seconds) {
      SILT_TRY(check_interrupt());
      const std::uint64_t some = std::min(kPutsPerLook, puts - done);
      if (way.batch > 1) {
        SILT_TRY(bench.put_batch(std::min(way.batch, some)));
        done += std::min(way.batch, some);
        continue;
      }
      for (std::uint64_t i = 0; i < some; ++i) SILT_TRY(bench.put());
      done += some;
    }
    return done;
  }

  const StudySettings& settings_;
};

}  // namespace

std::unique_ptr<Study> make_durability_study(const StudySettings& settings) {
  return std::make_unique<DurabilityStudy>(settings);
}

}  // namespace siltstone::kvbench
