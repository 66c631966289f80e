// What is left when system calls fail in passing: tests/io/under_strace.py runs this while they do.
// Writes may be refused then, and so may opens, but nothing hangs and nothing acknowledged is lost.
#include <map>
#include <string>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "support/temp_dir.h"

using namespace siltstone;
using support::TempDir;

TEST_CASE("passing failures: I5 O3 what was acknowledged is there" * doctest::skip()) {
  for (const IoBackend backend : {IoBackend::posix, IoBackend::uring}) {
    const TempDir tmp;
    const Builder builder = Db::builder(tmp / "data").io_backend(backend);
    std::map<std::string, std::string> acknowledged;
    int opened = 0;
    for (int round = 0; round < 16; ++round) {
      auto db = builder.build();
      if (!db) continue;
      ++opened;
      for (const auto& [key, value] : acknowledged) {
        const auto found = db->get(key);
        REQUIRE(found);
        REQUIRE(*found);
        CHECK(**found == value);
      }
      for (int i = 0; i < 4; ++i) {
        const std::string key = std::to_string(round * 4 + i);
        if (db->put(key, key + "!")) acknowledged[key] = key + "!";
      }
      static_cast<void>(db->close());  // which may fail as anything else
    }
    CHECK(opened > 0);
    CHECK(!acknowledged.empty());
  }
}
