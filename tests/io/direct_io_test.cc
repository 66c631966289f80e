// Which answers of the kernel make a file direct.
#include "io/direct_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "io/scratch.h"

using namespace siltstone::io;

TEST_CASE("direct io: I12 a named alignment is used, a named zero means buffered") {
  CHECK(direct_alignment({.named = true, .memory_bytes = 4, .offset_bytes = 512}) ==
        Alignment{4, 512});
  CHECK(!direct_alignment({.named = true, .kernel_can_name = true, .ext4_or_xfs = true}));
}

TEST_CASE("direct io: I12 no name from a kernel that could give one means buffered") {
  CHECK(!direct_alignment({.kernel_can_name = true}));
  CHECK(!direct_alignment({.kernel_can_name = true, .ext4_or_xfs = true}));
}

TEST_CASE("direct io: I12 on a kernel without names ext4 and XFS take whole pages") {
  CHECK(direct_alignment({.ext4_or_xfs = true}) == Alignment{4096, 4096});
  CHECK(!direct_alignment({}));
}

TEST_CASE("direct io: I12 the alignment that statx names is one that works") {
  const Scratch scratch;
  spill(scratch / "file", std::string(65536, 'x'));
  const int file = open((scratch / "file").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  const DirectIoAnswer answer = ask_direct_io(file);
  if (answer.named && answer.offset_bytes != 0) {
    CHECK(answer.kernel_can_name);
    CHECK((answer.offset_bytes & (answer.offset_bytes - 1)) == 0);
    CHECK((answer.memory_bytes & (answer.memory_bytes - 1)) == 0);
    REQUIRE(fcntl(file, F_SETFL, O_DIRECT) == 0);
    alignas(4096) static char memory[16384];
    char* const at = memory + answer.memory_bytes;
    CHECK(pread(file, at, answer.offset_bytes, answer.offset_bytes) == answer.offset_bytes);
  }
  close(file);
}
