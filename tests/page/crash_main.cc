// Power cuts at every point of the canonical workload, each torn in many ways: every image must
// open to the last acknowledged state or one in doubt, whole, and go on from there, also when the
// power goes again while it is being opened (A2, A8, A9, B1).
//
//   page_crash [IMAGES [SCRIPT CUT CRASH]]
//
// Goes on until IMAGES distinct disks were opened, and at least once over every point. With the
// other three it repeats the one case that a failure names.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_set>

#define DOCTEST_CONFIG_IMPLEMENT
#include "base/hash.h"
#include "page/crash_workload.h"
#include "page/page_state.h"

namespace siltstone::page {
namespace {

using support::Crash;
using support::Disk;

constexpr std::uint64_t kScripts = 96;
constexpr std::uint64_t kCrashesPerVisit = 12;

struct Case {
  std::uint64_t script = 0;
  std::uint64_t cut = 0;  // at this change of the disk
  std::uint64_t crash = 0;
};

// One way to run: half of the machines bypass the page cache, half reorder and cut transfers short.
support::SimStorageOptions options_of(std::uint64_t script) {
  auto options =
      script % 2 == 0 ? support::SimStorageOptions{} : support::SimStorageOptions::nasty(script);
  options.direct_io = script % 4 < 2;
  return options;
}

// Whether the opened store is exactly this state.
std::string difference(Bench& bench, PageFile::Opened& opened, const Workload::State& state) {
  std::vector<Extent> extents;
  for (const Content& content : state.contents) extents.push_back(content.extent);
  std::ranges::sort(extents);
  if (opened.catalog.catalog.extents != extents) return "other extents than the payload says";
  bench.file = std::move(opened.file);
  for (const Content& content : state.contents) {
    if (!bench.holds(content.extent, content.tag)) return "an extent with other bytes";
  }
  const ExtentMap map = bench.file->ledger().map();
  if (!map.is_consistent()) return "an inconsistent map";
  std::uint32_t live = bench.file->superblock().catalog_extent().pages;
  for (const Extent& extent : extents) live += extent.pages;
  if (map.usage().live != live) return "leaked pages";
  const auto verified = verify(bench.file->file(), *bench.channel);
  if (!verified || verified->error) return "a verification that fails";
  if (!verified->damage.empty()) return "damage after opening: " + verified->damage.front().what;
  return {};
}

// Opens what a power cut left; fills in which of the possible states it was.
std::string open_and_compare(Bench& bench, const std::vector<Workload::State>& possible,
                             Workload::State& found) {
  auto opened = bench.try_open();
  if (!opened) return "an error: " + opened.error().to_string();
  if (!*opened) return "nothing, as if it had never been created";
  const std::string payload = text_of((*opened)->catalog.catalog.payload);
  const auto state = std::ranges::find(possible, payload, &Workload::State::payload);
  if (state == possible.end()) return "a state that was never or is no longer: " + payload;
  found = *state;
  return difference(bench, **opened, *state);
}

class Tester {
 public:
  /// Opens the disks of this case: as it is, then after more work, then after another power cut.
  std::string test(const Disk& disk, const std::vector<Workload::State>& possible, const Case& c) {
    Bench bench(disk, c.crash, options_of(c.script));
    Workload::State found;
    if (auto wrong = open_and_compare(bench, possible, found); !wrong.empty()) return wrong;
    if (c.crash % 4 == 0) return go_on(bench, found, c);
    if (c.crash % 4 == 1) return cut_again(disk, possible, c);
    return {};
  }

  /// True when this image was not seen before.
  bool is_new(const Disk& disk) {
    const support::SimStorage storage(disk, 1);
    const auto media = storage.contents(kFile, support::SimStorage::View::media);
    return seen_.insert(base::hash64(media, 1)).second;
  }
  std::size_t images() const { return seen_.size(); }

 private:
  std::string go_on(Bench& bench, const Workload::State& found, const Case& c) {
    Workload more(bench, c.crash);
    more.start_from(found);
    if (!more.run()) return "a wrong state after going on";
    Workload::State last;
    bench.disconnect();
    bench.storage.crash(Crash::from_seed(c.crash));
    bench.connect();
    return open_and_compare(bench, more.possible(), last);
  }

  // Power goes while the store is opened and used; then it must be one of the states before or
  // since.
  std::string cut_again(const Disk& disk, const std::vector<Workload::State>& possible,
                        const Case& c) {
    Bench bench(disk, c.crash, options_of(c.script));
    bench.storage.cut_power_at_mutation(1 + c.crash / 4 % 12);
    auto states = possible;
    auto opened = bench.try_open();
    if (opened && *opened) {
      const std::string payload = text_of((*opened)->catalog.catalog.payload);
      const auto state = std::ranges::find(possible, payload, &Workload::State::payload);
      if (state == possible.end()) return "another state while the power goes";
      bench.file = std::move((*opened)->file);
      Workload more(bench, c.crash);
      more.start_from(*state);
      (void)more.run();
      states = more.possible();
    }
    const Disk again = bench.storage.snapshot().crashed(Crash::from_seed(c.crash + 1));
    Bench after(again, c.crash, options_of(c.script));
    Workload::State found;
    return open_and_compare(after, states, found);
  }

  std::unordered_set<std::uint64_t> seen_;
};

// The disk and the possible states at one cut; nothing when the workload ends before it.
struct Moment {
  Disk disk;
  std::vector<Workload::State> possible;
};

std::optional<Moment> run_until(std::uint64_t script, std::uint64_t cut) {
  Bench bench(script, options_of(script));
  bench.create(describe({}));
  Workload workload(bench, script);
  workload.start_from({describe({}), {}});
  bench.storage.cut_power_at_mutation(bench.storage.mutations() + cut);
  const bool sound = workload.run();
  if (!sound) {
    std::printf("script %llu, cut %llu: a wrong state while running\n",
                static_cast<unsigned long long>(script), static_cast<unsigned long long>(cut));
    std::exit(1);
  }
  if (bench.storage.has_power()) return std::nullopt;
  return Moment{bench.storage.snapshot(), workload.possible()};
}

bool report(const std::string& wrong, const Case& c) {
  if (wrong.empty()) return true;
  std::printf("script %llu, cut %llu, crash %llu: %s\nrepeat: page_crash 1 %llu %llu %llu\n",
              static_cast<unsigned long long>(c.script), static_cast<unsigned long long>(c.cut),
              static_cast<unsigned long long>(c.crash), wrong.c_str(),
              static_cast<unsigned long long>(c.script), static_cast<unsigned long long>(c.cut),
              static_cast<unsigned long long>(c.crash));
  return false;
}

bool run_one(const Case& c) {
  const auto moment = run_until(c.script, c.cut);
  if (!moment) return report("the workload ends before this cut", c);
  Tester tester;
  return report(tester.test(moment->disk.crashed(Crash::from_seed(c.crash)), moment->possible, c),
                c);
}

bool run_all(std::size_t images) {
  Tester tester;
  std::uint64_t points = 0;
  std::uint64_t crashes = 0;
  for (std::uint64_t pass = 0; pass == 0 || tester.images() < images; ++pass) {
    for (std::uint64_t script = 0; script < kScripts; ++script) {
      for (std::uint64_t cut = 1;; ++cut) {
        const auto moment = run_until(script, cut);
        if (!moment) break;
        if (pass == 0) ++points;
        for (std::uint64_t i = 0; i < kCrashesPerVisit; ++i, ++crashes) {
          const Case c{script, cut, pass * kCrashesPerVisit + i};
          const Disk disk = moment->disk.crashed(Crash::from_seed(c.crash));
          if (!tester.is_new(disk)) continue;
          if (!report(tester.test(disk, moment->possible, c), c)) return false;
        }
      }
      if (pass > 0 && tester.images() >= images) break;
    }
  }
  std::printf("%zu distinct images of %llu power cuts at %llu points of %llu workloads\n",
              tester.images(), static_cast<unsigned long long>(crashes),
              static_cast<unsigned long long>(points), static_cast<unsigned long long>(kScripts));
  return true;
}

}  // namespace
}  // namespace siltstone::page

int main(int argc, char** argv) {
  const auto number = [&](int i) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : std::uint64_t{0};
  };
  // The bench checks by doctest, here outside of any test case: a failure ends the program.
  doctest::Context context;
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler([](const doctest::AssertData& failed) {
    if (!failed.m_failed) return;
    std::printf("%s:%d: %s\n", failed.m_file, failed.m_line, failed.m_expr);
    std::exit(1);
  });
  if (argc == 5) return siltstone::page::run_one({number(2), number(3), number(4)}) ? 0 : 1;
  return siltstone::page::run_all(argc > 1 ? number(1) : 20'000) ? 0 : 1;
}
