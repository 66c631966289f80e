// FileDescriptor: owned, above 2, and calls repeated that a signal interrupted.
#include "io/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace siltstone;
using namespace siltstone::io;

TEST_CASE("file descriptor: it is closed once, by its last owner") {
  int number = -1;
  {
    auto first = FileDescriptor::own(open("/", O_RDONLY | O_CLOEXEC), "open", "/").value();
    number = first.get();
    FileDescriptor second = std::move(first);
    CHECK(second.get() == number);
    CHECK(fcntl(number, F_GETFD) != -1);
  }
  CHECK(fcntl(number, F_GETFD) == -1);
}

TEST_CASE("file descriptor: the error of the call that made none is told") {
  const auto result = FileDescriptor::own(open("/nowhere", O_RDONLY), "open", "/nowhere");
  REQUIRE(!result);
  CHECK(result.error().os_error() == ENOENT);
  CHECK(result.error().path() == "/nowhere");
}

TEST_CASE("file descriptor: O3 an interrupted call is repeated, but not for ever") {
  int calls = 0;
  const auto interrupted_until = [&](int last) {
    calls = 0;
    return uninterrupted([&] {
      errno = EINTR;
      return ++calls < last ? -1 : 7;
    });
  };
  CHECK(interrupted_until(1) == 7);
  CHECK(interrupted_until(50) == 7);
  CHECK(calls == 50);
  CHECK(interrupted_until(1'000'000) == -1);
  CHECK(errno == EINTR);
  CHECK(calls < 1000);

  calls = 0;
  CHECK(uninterrupted([&] {
          ++calls;
          errno = EIO;
          return -1;
        }) == -1);
  CHECK(calls == 1);
}
