// Opening the log: what was drained is there again, from one open to the next.
#include "wal/log.h"

#include <doctest/doctest.h>

#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;

TEST_CASE("log: a new store is empty, and what is drained is there at the next open") {
  for (const bool direct : {true, false}) {
    support::SimStorageOptions machine;
    machine.direct_io = direct;
    LogWorld world(1, machine);
    std::vector<Commit> commits;
    for (std::uint64_t n = 0; n < 20; ++n) {
      auto opened = world.open();
      REQUIRE_MESSAGE(opened, opened.error().to_string());
      CHECK(opened->found->commits == commits);
      commits.push_back(make_commit(n));
      REQUIRE(opened->drain(commits.back()));
      if (n % 2 == 0) CHECK(opened->log.writer->mark(true));
    }
    const auto reading = world.read();
    REQUIRE_MESSAGE(reading.state, reading.state.error().to_string());
    CHECK(reading.found->commits == commits);
    CHECK(reading.state->chain.size() == (direct ? 20 : 1));
  }
}
