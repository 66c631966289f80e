// The simulated file system as a program sees it, and its determinism.
#include "support/sim_storage.h"

#include <array>
#include <set>

#include "sim/fixture.h"

using namespace siltstone;
using namespace siltstone::support;

namespace {

constexpr std::size_t kBlock = 4096;

int error_of(const auto& result) { return result ? 0 : result.error().os_error(); }

/// A few hundred calls of all kinds, on a nasty machine with faults, crashes and kills.
std::uint64_t trace_of(std::uint64_t seed) {
  Bench bench(seed, SimStorageOptions::nasty(seed));
  const Op files = Op::read | Op::write | Op::sync | Op::open | Op::rename | Op::sync_directory;
  bench.storage.faults().add({.on = files, .times = kAlways, .probability = 0.02});
  Rng rng(seed);
  for (int i = 0; i < 300; ++i) {
    const std::string name(1, static_cast<char>('a' + rng.below(4)));
    auto opened = bench.directory->open(
        name, {.access = io::Access::read_write, .create = true, .direct = rng.coin()});
    if (rng.below(40) == 0) (void)bench.directory->rename(name, "z");
    if (rng.below(40) == 0) (void)bench.directory->sync();
    if (opened) {
      const std::uint64_t offset = rng.below(20) * 512;
      bench.write(**opened, offset, Bytes(512 * rng.between(1, 20), std::byte{1}), rng.coin());
      bench.read(**opened, offset, 4096);
      if (rng.below(4) == 0) bench.sync(**opened);
      opened->reset();
    }
    if (rng.below(50) != 0) continue;
    bench.storage.faults().clear();
    bench.crash(Crash::from_seed(rng.next()));
  }
  for (const auto& [path, size] : bench.storage.tree()) {
    bench.storage.trace().add({}, "file", path, 0, size,
                              static_cast<std::int64_t>(bench.storage.contents(path).size()));
  }
  return bench.storage.trace().hash();
}

}  // namespace

TEST_CASE("sim storage: the same seed gives the same trace, another seed another one") {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::uint64_t hash = trace_of(seed);
    REQUIRE(trace_of(seed) == hash);
    hashes.insert(hash);
  }
  CHECK(hashes.size() == 100);
}

TEST_CASE("sim storage: errors of names are those of Linux") {
  Bench bench;
  bench.file("f");
  CHECK(error_of(bench.storage.open_directory("none")) == ENOENT);
  CHECK(error_of(bench.storage.open_directory("db/f")) == ENOTDIR);
  CHECK(error_of(bench.storage.make_directory("db")) == EEXIST);
  CHECK(error_of(bench.storage.make_directory("none/db")) == ENOENT);
  CHECK(error_of(bench.directory->open("none", {})) == ENOENT);
  CHECK(error_of(bench.directory->open("a/b", {})) == EINVAL);
  CHECK(error_of(bench.directory->open("f", {.create = true, .exclusive = true})) == EEXIST);
  REQUIRE(bench.directory->make_directory("sub"));
  CHECK(error_of(bench.directory->open("sub", {})) == EISDIR);
  CHECK(error_of(bench.directory->remove("none")) == ENOENT);
  CHECK(error_of(bench.directory->rename("none", "g")) == ENOENT);
  CHECK(bench.directory->open("none", {}).error().path() == "db/none");
}

TEST_CASE("sim storage: a file lives while it is open, whatever its name does") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', kBlock));
  REQUIRE(bench.directory->rename("f", "g"));
  REQUIRE(bench.directory->remove("g"));
  REQUIRE(bench.directory->sync());
  CHECK(letter(bench.read(*file, 0, kBlock)) == 'a');
  const auto id = file->info()->id;
  const auto second = bench.file("f");
  CHECK_FALSE(second->info()->id == id);
  CHECK(second->info()->size_bytes == 0);
}

TEST_CASE("sim storage: room comes back when a removed file is closed") {
  Bench bench;
  auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', kBlock));
  REQUIRE(bench.sync(*file) == 0);
  REQUIRE(bench.directory->sync());
  REQUIRE(bench.directory->remove("f"));
  REQUIRE(bench.directory->sync());
  CHECK(bench.storage.used_bytes() == kBlock);
  file.reset();
  CHECK(bench.storage.used_bytes() == 0);
}

TEST_CASE("sim storage: reads end at the end of the file") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 10, bytes_of('a', 20));
  CHECK(bench.read(*file, 0, 100).size() == 30);
  CHECK(bench.read(*file, 20, 5).size() == 5);
  CHECK(bench.read(*file, 30, 5).empty());
  CHECK(bench.read(*file, 5000, 5).empty());
  REQUIRE(file->resize(12));
  CHECK(bench.read(*file, 0, 100).size() == 12);
}

TEST_CASE("sim storage: a read-only handle changes nothing") {
  Bench bench;
  bench.file("f");
  const auto file = bench.directory->open("f", {}).value();
  CHECK(bench.write(*file, 0, bytes_of('a', 10)) == -EBADF);
  CHECK(error_of(file->resize(1)) == EINVAL);
  CHECK(error_of(file->try_lock(io::LockKind::exclusive, 0, 0)) == EBADF);
  CHECK(file->try_lock(io::LockKind::shared, 0, 0).value());
}

TEST_CASE("sim storage: what the file system lacks is unsupported") {
  Bench bench(1, {.can_allocate = false, .can_punch = false});
  const auto file = bench.file("f");
  CHECK(file->allocate(0, kBlock).error().code() == ErrorCode::unsupported);
  CHECK(file->punch(0, kBlock).error().code() == ErrorCode::unsupported);
}

TEST_CASE("locks: belong to the open file, by range, and go with it") {
  Bench bench;
  auto a = bench.file("f");
  const auto b = bench.file("f");
  using enum io::LockKind;
  CHECK(a->try_lock(exclusive, 0, 0).value());
  CHECK_FALSE(b->try_lock(exclusive, 0, 0).value());
  CHECK(b->is_locked(shared, 100, 1).value());
  CHECK_FALSE(a->is_locked(exclusive, 0, 0).value());  // one's own is no conflict
  REQUIRE(a->unlock(10, 10));
  CHECK(b->try_lock(exclusive, 10, 10).value());
  CHECK_FALSE(b->try_lock(shared, 20, 1).value());
  CHECK_FALSE(b->try_lock(shared, 9, 1).value());
  CHECK(a->try_lock(shared, 0, 10).value());  // downgrade
  CHECK(b->try_lock(shared, 9, 1).value());
  bench.file("f").reset();  // another handle's closing takes nothing away
  CHECK_FALSE(b->try_lock(exclusive, 30, 1).value());
  a.reset();
  CHECK(b->try_lock(exclusive, 0, 0).value());
}

TEST_CASE("queue: holds what it has room for and completes in any order") {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Bench bench(seed);
    const auto file = bench.file("f");
    std::array<io::Request, 4> requests;
    const auto queue = bench.storage.make_queue(3).value();
    CHECK(queue->capacity() == 3);
    std::vector<io::Request*> batch;
    for (io::Request& request : requests) {
      request = {.opcode = io::Opcode::sync, .file = file.get()};
      batch.push_back(&request);
    }
    REQUIRE(queue->submit(batch) == 3);
    CHECK(queue->submit(std::span(batch).last(1)) == 0);
    std::array<io::Request*, 4> done{};
    REQUIRE(queue->reap(done, 4) == 3);
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) {
      order.push_back(static_cast<int>(done[static_cast<std::size_t>(i)] - requests.data()));
    }
    orders.insert(order);
    CHECK(queue->submit(std::span(batch).last(1)) == 1);
  }
  CHECK(orders.size() == 6);
}

TEST_CASE("queue: transfers come short and submissions are refused as often as asked") {
  Bench bench(1, {.short_transfer_probability = 0.5, .refused_submit_probability = 0.5});
  const auto file = bench.file("f", true);
  int whole = 0;
  for (int i = 0; i < 100; ++i) {
    const std::int64_t n = bench.write(*file, 0, bytes_of('a', 4 * kBlock));
    REQUIRE(n > 0);
    REQUIRE(n % 512 == 0);
    whole += n == 4 * kBlock ? 1 : 0;
  }
  CHECK(whole > 30);
  CHECK(whole < 80);
}

TEST_CASE("queue: a slow disk takes simulated time, and who only polls does not wait") {
  using namespace std::chrono_literals;
  Bench bench(1, {.transfer_time = 1ms});
  const auto file = bench.file("f");
  const io::Time start = bench.storage.clock().now();
  for (int i = 0; i < 100; ++i) bench.write(*file, 0, bytes_of('a', 1));
  CHECK(bench.storage.clock().now() - start > 50ms);
  CHECK(bench.storage.clock().now() - start < 200ms);
  io::Request request{.opcode = io::Opcode::write, .file = file.get()};
  io::Request* pointer = &request;
  REQUIRE(bench.queue->submit({&pointer, 1}) == 1);
  io::Request* done = nullptr;
  const io::Time submitted = bench.storage.clock().now();
  while (bench.queue->reap({&done, 1}, 0) == 0) bench.storage.clock().advance(10us);
  CHECK(bench.storage.clock().now() - submitted <= 4ms);
}

TEST_CASE("trace: says who did what to which file") {
  Bench bench;
  const auto file = bench.file("f");
  bench.storage.faults().add({.on = Op::write});
  bench.write(*file, 512, bytes_of('a', 10));
  const std::string text = bench.storage.trace().to_string(2);
  CHECK(text.find("write") != std::string::npos);
  CHECK(text.find("db/f [512, +10] -> EIO") != std::string::npos);
}
