// Errors: every call can be made to fail, once, for ever or now and then; a full disk, a failed
// sync and a bad medium behave as they do on Linux.
#include "support/sim_faults.h"

#include <algorithm>
#include <set>

#include "sim/fixture.h"

using namespace siltstone;
using namespace siltstone::support;

namespace {

constexpr std::size_t kBlock = 4096;
using View = SimStorage::View;

int error_of(const auto& result) { return result ? 0 : result.error().os_error(); }

/// Makes every kind of call once and says which of them failed with this error.
std::set<Op> failing(Bench& bench, io::File& file, int error) {
  std::set<Op> failed;
  const auto note = [&](Op op, std::int64_t got) {
    if (got == error) failed.insert(op);
  };
  note(Op::write, -bench.write(file, 0, bytes_of('x', kBlock)));
  std::int64_t read = 0;
  bench.read(file, 0, kBlock, &read);
  note(Op::read, -read);
  note(Op::sync, -bench.sync(file));
  note(Op::open, error_of(bench.directory->open("f", {})));
  note(Op::info, error_of(file.info()));
  note(Op::resize, error_of(file.resize(4 * kBlock)));
  note(Op::allocate, error_of(file.allocate(0, kBlock)));
  note(Op::punch, error_of(file.punch(0, kBlock)));
  note(Op::lock, error_of(file.try_lock(io::LockKind::shared, 0, 1)));
  note(Op::open_directory, error_of(bench.storage.open_directory("db")));
  note(Op::make_directory, error_of(bench.directory->make_directory("sub")));
  note(Op::rename, error_of(bench.directory->rename("sub", "bus")));
  (void)bench.directory->open("gone", {.access = io::Access::read_write, .create = true});
  note(Op::remove, error_of(bench.directory->remove("gone")));
  note(Op::list, error_of(bench.directory->list()));
  note(Op::sync_directory, error_of(bench.directory->sync()));
  note(Op::make_queue, error_of(bench.storage.make_queue(1)));
  return failed;
}

}  // namespace

TEST_CASE("faults: a rule hits its own kind of call and no other") {
  for (std::uint32_t bit = 1; bit <= static_cast<std::uint32_t>(Op::make_queue); bit <<= 1) {
    const Op op = static_cast<Op>(bit);
    INFO(to_string(op));
    Bench bench;
    const auto file = bench.file("f");
    const auto rule = bench.storage.faults().add({.on = op, .error = ENXIO});
    CHECK(failing(bench, *file, ENXIO) == std::set<Op>{op});
    CHECK(bench.storage.faults().hits(rule) == 1);
  }
}

TEST_CASE("faults: skip, times, path and probability choose the calls") {
  Bench bench;
  const auto f = bench.file("f");
  const auto g = bench.file("g");
  FaultSchedule& faults = bench.storage.faults();
  const auto answers = [&](io::File& file, int calls) {
    std::string text;
    for (int i = 0; i < calls; ++i) text += bench.sync(file) == 0 ? '.' : 'E';
    return text;
  };
  faults.add({.on = Op::sync, .path = "*/f", .skip = 2, .times = 2});
  CHECK(answers(*g, 6) == "......");
  CHECK(answers(*f, 6) == "..EE..");
  faults.clear();
  faults.add({.on = Op::sync, .times = kAlways});
  CHECK(answers(*f, 5) == "EEEEE");
  faults.clear();
  faults.add({.on = Op::sync, .times = kAlways, .probability = 0.5});
  const std::string half = answers(*f, 200);
  CHECK(std::count(half.begin(), half.end(), 'E') > 60);
  CHECK(std::count(half.begin(), half.end(), 'E') < 140);
}

TEST_CASE("faults: a call fails without an effect, or nevertheless has one") {
  Bench bench;
  bench.file("a");
  FaultSchedule& faults = bench.storage.faults();
  faults.add({.on = Op::rename});
  CHECK(error_of(bench.directory->rename("a", "b")) == EIO);
  CHECK(bench.storage.exists("db/a"));
  faults.add({.on = Op::rename, .residue = Residue::all});
  CHECK(error_of(bench.directory->rename("a", "b")) == EIO);
  CHECK(bench.storage.exists("db/b"));
  const auto file = bench.file("b");
  faults.add({.on = Op::write});
  CHECK(bench.write(*file, 0, bytes_of('x', kBlock)) == -EIO);
  CHECK(bench.storage.contents("db/b").empty());
  faults.add({.on = Op::write, .residue = Residue::all});
  CHECK(bench.write(*file, 0, bytes_of('x', kBlock)) == -EIO);
  CHECK(letter(bench.storage.contents("db/b")) == 'x');
}

TEST_CASE("faults: submit and reap come back early, or are broken for good") {
  Bench bench;
  const auto file = bench.file("f");
  io::Request request{.opcode = io::Opcode::sync, .file = file.get()};
  io::Request* pointer = &request;
  io::Request* done = nullptr;
  FaultSchedule& faults = bench.storage.faults();
  for (const int error : {EAGAIN, EBUSY, EINTR}) {
    faults.add({.on = Op::submit, .error = error});
    CHECK(bench.queue->submit({&pointer, 1}) == 0);
  }
  CHECK(bench.queue->submit({&pointer, 1}) == 1);
  faults.add({.on = Op::reap, .error = EINTR});
  CHECK(bench.queue->reap({&done, 1}, 1) == 0);
  faults.add({.on = Op::reap, .error = EBADF});
  CHECK(bench.queue->reap({&done, 1}, 1) == -EBADF);
  CHECK(bench.queue->reap({&done, 1}, 1) == -EBADF);
  CHECK(bench.queue->submit({&pointer, 1}) == -EBADF);
  bench.queue.reset();
  CHECK(request.result == 0);
}

TEST_CASE("fsyncgate: the cache keeps what the disk never got, and the next sync succeeds") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', kBlock));
  REQUIRE(bench.sync(*file) == 0);
  REQUIRE(bench.directory->sync());
  bench.write(*file, 0, bytes_of('b', kBlock));
  bench.storage.faults().add({.on = Op::sync});
  CHECK(bench.sync(*file) == -EIO);
  CHECK(bench.sync(*file) == 0);
  CHECK(letter(bench.read(*file, 0, kBlock)) == 'b');
  CHECK(letter(bench.read(*bench.file("f", true), 0, kBlock)) == 'a');
  // A new process in the same boot is shown the same lie.
  bench.storage.kill();
  bench.queue.reset();
  bench.open();
  CHECK(letter(bench.read(*bench.file("f"), 0, kBlock)) == 'b');
  CHECK(bench.sync(*bench.file("f")) == 0);
  bench.crash({.keep = Keep::everything});
  CHECK(letter(bench.storage.contents("db/f")) == 'a');
}

TEST_CASE("fsyncgate: what is written again after the failure is kept") {
  Bench bench;
  const auto file = bench.file("f");
  REQUIRE(bench.directory->sync());
  bench.write(*file, 0, bytes_of('b', 3 * kBlock));
  bench.storage.faults().add({.on = Op::sync});
  CHECK(bench.sync(*file) == -EIO);
  bench.write(*file, kBlock, bytes_of('c', kBlock));
  CHECK(bench.sync(*file) == 0);
  const Bytes disk = bench.storage.contents("db/f", View::durable);
  REQUIRE(disk.size() == 3 * kBlock);
  CHECK(letter(std::span(disk).first(kBlock)) == '\0');
  CHECK(letter(std::span(disk).subspan(kBlock, kBlock)) == 'c');
  CHECK(letter(std::span(disk).subspan(2 * kBlock)) == '\0');
}

TEST_CASE("fsyncgate: a direct write throws the page out of the cache, and with it the lie") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', 2 * kBlock));
  REQUIRE(bench.sync(*file) == 0);
  bench.write(*file, 0, bytes_of('b', 2 * kBlock));
  bench.storage.faults().add({.on = Op::sync});
  REQUIRE(bench.sync(*file) == -EIO);
  CHECK(bench.write(*bench.file("f", true), 0, bytes_of('c', 512)) == 512);
  CHECK(letter(bench.read(*file, 0, 512)) == 'c');
  CHECK(letter(bench.read(*file, 512, kBlock - 512)) == 'a');
  CHECK(letter(bench.read(*file, kBlock, kBlock)) == 'b');
}

TEST_CASE("failed sync: XFS shuts down, btrfs turns read-only") {
  Bench xfs(1, {.after_failed_sync = AfterFailedSync::shut_down});
  const auto file = xfs.file("f");
  xfs.write(*file, 0, bytes_of('a', kBlock));
  xfs.storage.faults().add({.on = Op::sync});
  CHECK(xfs.sync(*file) == -EIO);
  std::set<Op> still = failing(xfs, *file, EIO);
  CHECK(still.size() == 14);  // all but locks and queues
  CHECK_FALSE(still.contains(Op::lock));
  Bench btrfs(1, {.after_failed_sync = AfterFailedSync::read_only});
  const auto other = btrfs.file("f");
  btrfs.write(*other, 0, bytes_of('a', kBlock));
  btrfs.storage.faults().add({.on = Op::sync});
  CHECK(btrfs.sync(*other) == -EIO);
  CHECK(letter(btrfs.read(*other, 0, kBlock)) == 'a');
  CHECK(btrfs.write(*other, 0, bytes_of('b', kBlock)) == -EROFS);
  CHECK(error_of(btrfs.directory->rename("f", "g")) == EROFS);
  CHECK(btrfs.directory->list().value().size() == 1);
}

TEST_CASE("failed sync: of a directory, forgets names that are still to be seen") {
  Bench bench;
  bench.file("f");
  bench.storage.faults().add({.on = Op::sync_directory});
  CHECK(error_of(bench.directory->sync()) == EIO);
  CHECK(bench.directory->sync());
  CHECK(bench.storage.exists("db/f"));
  bench.crash({.keep = Keep::everything});
  CHECK_FALSE(bench.storage.exists("db/f"));
}

TEST_CASE("direct: a failed write is followed by a sync that succeeds") {
  Bench bench;
  const auto file = bench.file("f", true);
  REQUIRE(file->direct());
  bench.write(*file, 0, bytes_of('a', kBlock));
  REQUIRE(bench.sync(*file) == 0);
  bench.storage.faults().add({.on = Op::write});
  CHECK(bench.write(*file, 0, bytes_of('b', kBlock)) == -EIO);
  CHECK(bench.sync(*file) == 0);
  CHECK(letter(bench.storage.contents("db/f", View::durable)) == 'a');
}

TEST_CASE("direct: misaligned transfers are refused, and so is O_DIRECT where there is none") {
  Bench bench;
  const auto file = bench.file("f", true);
  CHECK(file->alignment() == io::Alignment{512, 512});
  CHECK(bench.write(*file, 1, bytes_of('a', 512)) == -EINVAL);
  CHECK(bench.write(*file, 0, bytes_of('a', 511)) == -EINVAL);
  CHECK(bench.write(*file, 512, bytes_of('a', 512)) == 512);
  Bench tmpfs(1, {.direct_io = false});
  const auto buffered = tmpfs.file("f", true);
  CHECK_FALSE(buffered->direct());
  CHECK(buffered->alignment() == io::Alignment{1, 1});
  CHECK(tmpfs.write(*buffered, 1, bytes_of('a', 3)) == 3);
}

TEST_CASE("no space: a write comes short first, then fails, and goes on when there is room") {
  Bench bench(1, {.capacity_bytes = 4 * kBlock});
  const auto file = bench.file("f");
  CHECK(bench.write(*file, 100, bytes_of('a', 8 * kBlock)) ==
        static_cast<std::int64_t>(4 * kBlock - 100));
  CHECK(bench.write(*file, 4 * kBlock, bytes_of('a', 10)) == -ENOSPC);
  CHECK(bench.write(*file, 0, bytes_of('b', 4 * kBlock)) == 4 * kBlock);  // needs no room
  CHECK(error_of(file->allocate(0, 5 * kBlock)) == ENOSPC);
  CHECK(file->info()->size_bytes == 4 * kBlock);
  CHECK(file->info()->allocated_bytes == 4 * kBlock);
  REQUIRE(file->punch(0, 2 * kBlock));
  CHECK(bench.write(*file, 4 * kBlock, bytes_of('c', 2 * kBlock)) == 2 * kBlock);
  bench.storage.options().capacity_bytes = UINT64_MAX;
  CHECK(bench.write(*file, 0, bytes_of('d', 8 * kBlock)) == 8 * kBlock);
}

TEST_CASE("no space: a byte budget comes short where it ends, on the chosen path only") {
  Bench bench;
  const auto file = bench.file("f");
  const auto other = bench.file("g");
  const auto rule = bench.storage.faults().add(
      {.on = Op::write, .path = "*/f", .error = EDQUOT, .times = kAlways, .pass_bytes = 6000});
  CHECK(bench.write(*file, 0, bytes_of('a', kBlock)) == kBlock);
  CHECK(bench.write(*file, kBlock, bytes_of('a', kBlock)) == 6000 - kBlock);
  CHECK(bench.write(*file, 6000, bytes_of('a', kBlock)) == -EDQUOT);
  CHECK(bench.write(*other, 0, bytes_of('a', kBlock)) == kBlock);
  CHECK(bench.sync(*file) == 0);
  bench.storage.faults().remove(rule);
  CHECK(bench.write(*file, 6000, bytes_of('a', kBlock)) == kBlock);
}

TEST_CASE("media: bad spots, lost, misdirected, damaged and stale data") {
  Bench bench;
  const auto file = bench.file("f", true);
  bench.write(*file, 0, bytes_of('a', 8 * kBlock));
  REQUIRE(bench.sync(*file) == 0);
  FaultSchedule& faults = bench.storage.faults();
  const auto block = [&](std::size_t i) {
    const Bytes content = bench.storage.contents("db/f");
    return letter(std::span(content).subspan(i * kBlock, kBlock));
  };
  std::int64_t result = 0;

  faults.add({.on = Op::read, .times = kAlways, .begin = 5000, .end = 5001});
  bench.read(*file, kBlock, kBlock, &result);
  CHECK(result == -EIO);
  CHECK(letter(bench.read(*file, 0, kBlock)) == 'a');
  faults.clear();

  faults.add({.on = Op::write, .effect = Effect::lose});
  CHECK(bench.write(*file, 0, bytes_of('b', kBlock)) == kBlock);
  CHECK(block(0) == 'a');

  bench.write(*file, kBlock, bytes_of('c', kBlock));
  faults.add({.on = Op::read, .effect = Effect::stale});
  CHECK(letter(bench.read(*file, kBlock, kBlock)) == 'a');
  CHECK(letter(bench.read(*file, kBlock, kBlock)) == 'c');

  faults.add({.on = Op::read, .effect = Effect::flip_bit});
  CHECK(letter(bench.read(*file, 0, kBlock)) == '?');
  CHECK(letter(bench.read(*file, 0, kBlock)) == 'a');

  faults.add({.on = Op::write, .effect = Effect::zero_sector});
  bench.write(*file, 2 * kBlock, bytes_of('d', kBlock));
  CHECK(block(2) == '?');

  faults.add({.on = Op::write, .effect = Effect::misdirect});
  CHECK(bench.write(*file, 3 * kBlock, bytes_of('e', kBlock)) == kBlock);
  const Bytes after = bench.storage.contents("db/f");
  CHECK(std::count(after.begin(), after.end(), std::byte{'e'}) == kBlock);

  bench.storage.flip_bit("db/f", 0);
  CHECK(bench.storage.contents("db/f", View::durable)[0] == std::byte{'a' ^ 1});
  CHECK(bench.storage.contents("db/f", View::media)[0] == std::byte{'a' ^ 1});
}
