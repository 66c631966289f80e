// A fork: the child has a copy of every handle, and no right to any.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "support/quiet.h"
#include "support/temp_dir.h"

using namespace siltstone;
using support::TempDir;

namespace {

Db open(const TempDir& tmp) {
  auto db = Db::builder(tmp / "data").build();
  if (!db) FAIL(db.error().to_string());
  return std::move(*db);
}

// Not under ThreadSanitizer, which cannot follow the threads that a forked child starts.
#ifdef SILT_TSAN
constexpr bool kChildHasNoThreads = true;
#else
constexpr bool kChildHasNoThreads = false;
#endif

bool is_closed(const auto& result) { return !result && result.error().code() == ErrorCode::closed; }

std::uint64_t sequence_of(const Result<Commit>& commit) {
  REQUIRE(commit);
  return commit->seq;
}

}  // namespace

TEST_CASE(
    "fork: the child's handles are closed, and writing, closing or dropping them does nothing") {
  const TempDir tmp;
  std::optional<Db> db = open(tmp);
  CHECK(sequence_of(db->put("k", "v")) == 1);
  auto it = db->iterate();
  const auto snapshot = db->snapshot();
  REQUIRE(snapshot);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool ok = is_closed(db->put("k", "child")) && is_closed(db->get("k"));
    ok = ok && is_closed(db->flush()) && is_closed(db->iterate().status());
    ok = ok && !it.valid() && is_closed(it.status());
    ok = ok && is_closed(snapshot->get("k")) && is_closed(snapshot->iterate().status());
    ok = ok && is_closed(db->snapshot()) && db->close();
    db.reset();
    const auto other = Db::builder(tmp / "data").build();
    ok = ok && !other && other.error().code() == ErrorCode::busy;
    _exit(ok ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(it.valid());
  CHECK(**snapshot->get("k") == "v");
  CHECK(sequence_of(db->put("l", "w")) == 2);
  REQUIRE(db->close());
  db = open(tmp);
  CHECK(**db->get("k") == "v");
  CHECK(**db->get("l") == "w");
  CHECK(db::Access::engine(*db).recovered().clean_end);
  CHECK(db::Access::engine(*db).recovered().records == 2);  // none of the child's
}

TEST_CASE("fork: a child that lives on does not keep the store locked, and may open it itself" *
          doctest::skip(kChildHasNoThreads)) {
  const TempDir tmp;
  std::optional<Db> db = open(tmp);
  CHECK(sequence_of(db->put("k", "v")) == 1);
  int go[2];
  REQUIRE(pipe(go) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(go[1]);
    char byte = 0;
    static_cast<void>(read(go[0], &byte, 1));  // until the parent has closed the store for good
    auto mine = Db::builder(tmp / "data").build();
    _exit(mine && mine->put("child", "v") && mine->close() ? 0 : 1);
  }
  close(go[0]);
  REQUIRE(db->close());
  db = open(tmp);
  REQUIRE(db->close());
  close(go[1]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  db = open(tmp);
  CHECK(**db->get("child") == "v");
}
