// Error: copies share, and to_string tells what, where, and the cause.
#include "base/error.h"

#include <cerrno>

#include <doctest/doctest.h>

#include "base/try.h"

using namespace siltstone;

static Result<int> failing() {
  return base::fail(ErrorCode::corruption, "frame checksum differs")
      .path("data/wal/0")
      .offset(4096)
      .mismatch(1, 2);
}

static Result<int> plus_one(Result<int> input) { return SILT_TRY(std::move(input)) + 1; }

TEST_CASE("error: one line tells code, place, message and the two values") {
  auto result = failing();
  REQUIRE(!result);
  CHECK(result.error().to_string() ==
        "corruption: data/wal/0 at offset 4096: frame checksum differs (expected 0x1, actual 0x2)");
}

TEST_CASE("error: a copy outlives the original") {
  Error copy = failing().error();
  Error second = copy;
  copy = Error(ErrorCode::busy, "held by another process");
  CHECK(second.offset() == 4096);
  CHECK(copy.code() == ErrorCode::busy);
}

TEST_CASE("error: the code follows from the errno") {
  CHECK(base::fail_os(ENOSPC, "write").build().code() == ErrorCode::no_space);
  CHECK(base::fail_os(EDQUOT, "write").build().code() == ErrorCode::no_space);
  CHECK(base::fail_os(EROFS, "write").build().code() == ErrorCode::read_only);
  CHECK(base::fail_os(EIO, "write").build().to_string() == "io: write: Input/output error (EIO)");
}

TEST_CASE("try: hands the value on and returns the error") {
  CHECK(plus_one(1).value() == 2);
  CHECK(plus_one(failing()).error().code() == ErrorCode::corruption);
}
