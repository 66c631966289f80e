// How fast single puts become durable: by one thread, by many that share flushes, and by one that
// keeps thousands under way; beside what the device can do.
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "studies/put_bench.h"
#include "studies/study.h"
#include "studies/sync_bench.h"
#include "studies/test_file.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::uint64_t kInFlight = 4096;
constexpr unsigned kBusyThreads = 2;
constexpr std::uint64_t kFileBytes = std::uint64_t{4} << 20;
/// Of each measurement, before it: not counted.
constexpr double kWarmUpShare = 0.2;
/// Fast puts between two looks at the clock.
constexpr unsigned kPutsPerLook = 64;

constexpr const char* kTickets = "1 thread, 4096 in flight";
constexpr const char* kInterval = "1 thread, interval of 100 ms";
constexpr const char* kAlone = "1 thread";
constexpr const char* kBeside = "1 thread beside 2 busy ones";

FigureKey device_key(const SyncMethod& method) {
  return {"4 KiB made durable", std::string(method.name), "plain", "syncs/s"};
}
FigureKey put_key(std::string_view variant) {
  return {"puts of 16 + 100 B", std::string(variant), "siltstone", "puts/s"};
}
FigureKey median_key(std::string_view variant) {
  return {"durable put, median", std::string(variant), "siltstone", "us"};
}
std::string threads_text(unsigned threads) {
  return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
}

/// Threads that do nothing but keep cores busy.
class Busy {
 public:
  Busy() {
    for (std::jthread& thread : threads_) {
      thread = std::jthread([this] {
        while (!stop_.load(std::memory_order_relaxed)) {
        }
      });
    }
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { stop_ = true; }

 private:
  std::atomic<bool> stop_{false};
  std::array<std::jthread, kBusyThreads> threads_;  // last: joined before the flag goes
};

class FillsyncStudy final : public Study {
 public:
  explicit FillsyncStudy(const StudySettings& settings) : settings_(settings) {}

  Result<void> set_up() override {
    file_.emplace(SILT_TRY(TestFile::make(settings_, "fillsync", kFileBytes)));
    syncs_.emplace(SILT_TRY(SyncBench::make(*file_)));
    return {};
  }

  Result<void> measure(Figures& figures) override {
    for (const SyncMethod& method : {kDirectOverwrite, kAppend}) {
      figures.add(device_key(method), SILT_TRY(syncs_->plain(method, settings_.seconds)));
    }
    for (const unsigned threads : settings_.threads) {
      SILT_TRY(durable(threads, threads_text(threads), figures));
    }
    SILT_TRY(tickets(figures));
    SILT_TRY(interval(figures));
    const Busy busy;
    return durable(1, kBeside, figures);
  }

  void conclude(Figures& figures) const override {
    figures.compare("1 thread / overwrite, O_DIRECT|O_DSYNC", put_key(kAlone),
                    device_key(kDirectOverwrite), 0.9);
    figures.compare("1 thread / append, fdatasync", put_key(kAlone), device_key(kAppend), 1.4);
    for (const unsigned threads : settings_.threads) {
      if (threads == 1) continue;
      figures.compare(fmt::format("{} threads / 1 thread", threads), put_key(threads_text(threads)),
                      put_key(kAlone), threads == 16 ? std::optional(5.0) : std::nullopt);
    }
    figures.compare("4096 in flight / interval", put_key(kTickets), put_key(kInterval), 0.5);
    figures.compare("4096 in flight / one at a time", put_key(kTickets), put_key(kAlone));
    figures.compare("median latency alone / beside 2 busy threads", median_key(kAlone),
                    median_key(kBeside), 0.5);
    file_->note(figures);
    figures.note("every row but that of the interval counts puts that survive a power cut");
    figures.note(
        fmt::format("4096 in flight: written with .wait = false, each waited for by "
                    "wait_durable() once {} younger ones are under way, all at the end",
                    kInFlight));
    figures.note(
        fmt::format("each on a new store, without compression, warmed up for {:.0f} % of "
                    "the time",
                    100 * kWarmUpShare));
  }

 private:
  [[nodiscard]] double warm_up() const { return kWarmUpShare * settings_.seconds; }

  Result<void> durable(unsigned threads, std::string_view variant, Figures& figures) {
    const auto bench = SILT_TRY(PutBench::make(settings_, [](Builder&) {}));
    SILT_TRY(bench->run_threads(threads, warm_up()));
    const auto ran = SILT_TRY(bench->run_threads(threads, settings_.seconds));
    figures.add(put_key(variant), ran.puts_per_second);
    figures.add(median_key(variant), static_cast<double>(ran.latency.percentile(0.5)) * 1e-3);
    return bench->db().close();
  }

  Result<void> tickets(Figures& figures) {
    const auto bench = SILT_TRY(PutBench::make(settings_, [](Builder&) {}));
    SILT_TRY(ticket_rate(*bench, warm_up()));
    figures.add(put_key(kTickets), SILT_TRY(ticket_rate(*bench, settings_.seconds)));
    return bench->db().close();
  }

  /// Durable puts per second: the last ones are waited for.
  static Result<double> ticket_rate(PutBench& bench, double seconds) {
    const std::uint64_t begin = now_ns();
    std::uint64_t puts = 0;
    std::uint64_t newest = 0;
    do {
      SILT_TRY(check_interrupt());
      for (unsigned i = 0; i < kPutsPerLook; ++i, ++puts) {
        newest = SILT_TRY(bench.put({.wait = false})).seq;
        if (newest > bench.db().durable_seq() + kInFlight) {
          SILT_TRY(bench.db().wait_durable(newest - kInFlight));
        }
      }
    } while (seconds_since(begin) < seconds);
    SILT_TRY(bench.db().wait_durable(newest));
    return static_cast<double>(puts) / seconds_since(begin);
  }

  Result<void> interval(Figures& figures) {
    const auto bench = SILT_TRY(PutBench::make(
        settings_, [](Builder& builder) { builder.durability(siltstone::Durability::interval); }));
    const auto once = [&]() -> Result<void> {
      for (unsigned i = 0; i < kPutsPerLook; ++i) SILT_TRY(bench->put());
      return {};
    };
    SILT_TRY(rate_for(warm_up(), once));
    figures.add(put_key(kInterval), kPutsPerLook * SILT_TRY(rate_for(settings_.seconds, once)));
    return bench->db().close();
  }

  const StudySettings& settings_;
  std::optional<TestFile> file_;
  std::optional<SyncBench> syncs_;
};

}  // namespace

std::unique_ptr<Study> make_fillsync_study(const StudySettings& settings) {
  return std::make_unique<FillsyncStudy>(settings);
}

}  // namespace siltstone::kvbench
