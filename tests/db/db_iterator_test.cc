// What a walk costs: only what lies within its bounds.
#include "db/db_iterator.h"

#include <cstdint>
#include <string>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "base/yield.h"
#include "db/world.h"

using namespace siltstone;
using db::World;

namespace {

/// Counts where a schedule could switch threads, which is in every step from leaf to leaf.
class StepCounter final : public base::Scheduler {
 public:
  StepCounter() { base::current_scheduler = this; }
  ~StepCounter() { base::current_scheduler = nullptr; }
  StepCounter(const StepCounter&) = delete;
  StepCounter& operator=(const StepCounter&) = delete;

  void yield(const char*) noexcept override { ++steps; }

  std::uint64_t steps = 0;
};

}  // namespace

TEST_CASE("db iterator: what was erased behind its bounds is not walked") {
  World world(1);
  Db db = world.open();
  REQUIRE(db.put("a", "1"));
  Batch erased;
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(erased.put("b" + std::to_string(i), ""));
    REQUIRE(erased.erase("b" + std::to_string(i)));
  }
  REQUIRE(db.put_batch(erased));
  REQUIRE(db.put("c", "3"));
  const IterateOptions bounds[] = {{.prefix = "a"}, {.to = "b"}, {.from = "a", .to = "b5000"}};
  for (const IterateOptions& options : bounds) {
    const StepCounter counter;
    auto it = db.iterate(options);
    CHECK(it.key() == "a");
    it.next();
    CHECK(!it.valid());
    if (options.to != "b5000") CHECK(counter.steps < 50);
  }
  auto it = db.iterate({.from = "b"});
  CHECK(it.key() == "c");
}
