// Failed checks: which stop the process, which come back as an error, which cost nothing.
#include "base/assert.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include <doctest/doctest.h>

using namespace siltstone;

// The signal that ended a child running `body`; 0 when it came through.
template <typename Body>
static int signal_of(Body body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    std::signal(SIGABRT, SIG_DFL);  // not the handler of the test framework
    body();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static Result<int> checked_half(int number) {
  SILT_CHECK(number % 2 == 0);
  return number / 2;
}

TEST_CASE("assert: a broken precondition aborts in every build, a kept one does nothing") {
  volatile int one = 1;
  CHECK(signal_of([&] { SILT_ASSERT(one == 1); }) == 0);
  CHECK(signal_of([&] { SILT_ASSERT(one == 2); }) == SIGABRT);
}

TEST_CASE("assert: a broken invariant of data is a corruption error naming the place") {
  CHECK(checked_half(4).value() == 2);
  const auto broken = checked_half(3);
  REQUIRE(!broken);
  CHECK(broken.error().code() == ErrorCode::corruption);
  const std::string message(broken.error().message());
  CHECK(message.find("assert_test.cc:") != std::string::npos);
  CHECK(message.find("number % 2 == 0") != std::string::npos);
}

TEST_CASE("assert: costly invariants are evaluated in builds that ask for them only") {
  int evaluated = 0;
  SILT_INVARIANT(++evaluated == 1);
  CHECK(evaluated == (base::kInvariants ? 1 : 0));
}
