// The store lock: one writer, whatever path led to the directory.
#include "db/store_lock.h"

#include <cerrno>

#include <doctest/doctest.h>

#include "support/sim_storage.h"

using namespace siltstone;
using db::StoreLock;
using support::Fault;
using support::Op;
using support::SimStorage;

TEST_CASE("store lock: a second one in the process is busy, until the first goes") {
  SimStorage storage(1);
  REQUIRE(storage.make_directory("db"));
  const auto dir = *storage.open_directory("db");
  auto first = StoreLock::take(storage, *dir);
  REQUIRE(first);
  const auto same_directory = *storage.open_directory("db");
  const auto second = StoreLock::take(storage, *same_directory);
  REQUIRE(!second);
  CHECK(second.error().code() == ErrorCode::busy);
  first->reset();
  CHECK(StoreLock::take(storage, *same_directory));
  CHECK(storage.exists("db/LOCK"));
}

TEST_CASE("store lock: somebody else's lock on the file is busy too") {
  SimStorage storage(1);
  REQUIRE(storage.make_directory("db"));
  const auto dir = *storage.open_directory("db");
  const auto other = *dir->open(db::kLockName, {.access = io::Access::read_write, .create = true});
  REQUIRE(*other->try_lock(io::LockKind::exclusive, 0, 0));
  const auto lock = StoreLock::take(storage, *dir);
  REQUIRE(!lock);
  CHECK(lock.error().message() == "another process has the store open");
  REQUIRE(other->unlock(0, 0));
  CHECK(StoreLock::take(storage, *dir));
}

TEST_CASE("store lock: stores side by side, and the same number on another disk") {
  SimStorage one(1);
  SimStorage two(1);
  REQUIRE(one.make_directory("a"));
  REQUIRE(one.make_directory("b"));
  REQUIRE(two.make_directory("a"));
  const auto a = StoreLock::take(one, **one.open_directory("a"));
  const auto b = StoreLock::take(one, **one.open_directory("b"));
  const auto c = StoreLock::take(two, **two.open_directory("a"));
  CHECK(a);
  CHECK(b);
  CHECK(c);
}

TEST_CASE("store lock: when the file system cannot lock, the error says so and nothing is held") {
  SimStorage storage(1);
  REQUIRE(storage.make_directory("db"));
  const auto dir = *storage.open_directory("db");
  storage.faults().add({.on = Op::lock, .error = ENOLCK});
  const auto refused = StoreLock::take(storage, *dir);
  REQUIRE(!refused);
  CHECK(refused.error().os_error() == ENOLCK);
  CHECK(StoreLock::take(storage, *dir));
}
