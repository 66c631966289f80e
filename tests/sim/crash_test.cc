// Power cuts: what must survive survives for every seed; what may be lost is lost for one seed and
// kept for another.
#include "support/sim_crash.h"

#include <algorithm>
#include <set>

#include "sim/fixture.h"

using namespace siltstone;
using namespace siltstone::support;

namespace {

constexpr std::size_t kBlock = 4096;
constexpr int kSeeds = 200;

/// The letters of the first blocks of db/f after crashes of one moment, over many seeds.
std::set<std::string> outcomes(const Disk& disk, Crash crash, std::size_t blocks) {
  std::set<std::string> seen;
  for (int seed = 0; seed < kSeeds; ++seed) {
    crash.seed = static_cast<std::uint64_t>(seed);
    const SimStorage after(disk.crashed(crash), 1);
    if (!after.exists("db/f")) {
      seen.insert("gone");
      continue;
    }
    const Bytes bytes = after.contents("db/f");
    std::string letters;
    for (std::size_t i = 0; i < blocks && i * kBlock < bytes.size(); ++i) {
      const auto block = std::span(bytes).subspan(i * kBlock);
      const char c = letter(block.first(std::min(kBlock, block.size())));
      letters += c == 0 ? '0' : c;
    }
    seen.insert(letters);
  }
  return seen;
}

/// db/f with synced blocks "aaa", then pending writes "ABC" over them.
Disk three_overwrites() {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', 3 * kBlock));
  REQUIRE(bench.sync(*file) == 0);
  REQUIRE(bench.directory->sync());
  for (std::size_t i = 0; i < 3; ++i) {
    bench.write(*file, i * kBlock, bytes_of(static_cast<char>('A' + i), kBlock));
  }
  return bench.storage.snapshot();
}

}  // namespace

TEST_CASE("crash: synced bytes survive every kind of power cut") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', 3 * kBlock));
  REQUIRE(bench.sync(*file) == 0);
  REQUIRE(bench.directory->sync());
  bench.write(*file, 3 * kBlock, bytes_of('b', kBlock));
  const Disk disk = bench.storage.snapshot();
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Crash crash = Crash::from_seed(seed);
    INFO(crash.to_string());
    const SimStorage after(disk.crashed(crash), 1);
    REQUIRE(after.exists("db/f"));
    const Bytes bytes = after.contents("db/f");
    REQUIRE(bytes.size() >= 3 * kBlock);
    REQUIRE(letter(std::span(bytes).first(3 * kBlock)) == 'a');
  }
}

TEST_CASE("crash: each way of keeping gives exactly the states it stands for") {
  const Disk disk = three_overwrites();
  using Seen = std::set<std::string>;
  CHECK(outcomes(disk, {.keep = Keep::synced}, 3) == Seen{"aaa"});
  CHECK(outcomes(disk, {.keep = Keep::everything}, 3) == Seen{"ABC"});
  CHECK(outcomes(disk, {.keep = Keep::prefix, .tear_bytes = 4096}, 3) ==
        Seen{"aaa", "Aaa", "ABa", "ABC"});
  CHECK(outcomes(disk, {.keep = Keep::all_but_one}, 3) == Seen{"aBC", "AaC", "ABa"});
  CHECK(outcomes(disk, {.keep = Keep::only_one}, 3) == Seen{"Aaa", "aBa", "aaC"});
  CHECK(outcomes(disk, {.keep = Keep::random}, 3).size() == 8);
  CHECK(outcomes(disk, {.keep = Keep::torn, .tear_bytes = 4096}, 3).size() == 8);
  CHECK(outcomes(disk, {.keep = Keep::prefix}, 3).contains("A?a"));
}

TEST_CASE("crash: a torn write is old or new in every sector, and mixed in some") {
  const Disk disk = three_overwrites();
  std::set<std::string> mixes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const SimStorage after(disk.crashed({.seed = seed, .keep = Keep::torn}), 1);
    const Bytes bytes = after.contents("db/f");
    std::string sectors;
    for (std::size_t at = 0; at < kBlock; at += 512) {
      sectors += letter(std::span(bytes).subspan(at, 512));
    }
    REQUIRE(sectors.find_first_not_of("aA") == std::string::npos);
    mixes.insert(sectors);
  }
  CHECK(mixes.size() > 50);
}

TEST_CASE("crash: the same crash of the same disk gives the same disk") {
  const Disk disk = three_overwrites();
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const SimStorage one(disk.crashed(Crash::from_seed(seed)), 1);
    const SimStorage two(disk.crashed(Crash::from_seed(seed)), 2);
    REQUIRE(one.tree() == two.tree());
    for (const auto& [path, size] : one.tree()) REQUIRE(one.contents(path) == two.contents(path));
  }
}

TEST_CASE("crash: a durable write survives alone, with its size but not with earlier data") {
  Bench bench;
  const auto file = bench.file("f");
  REQUIRE(bench.directory->sync());
  bench.write(*file, 0, bytes_of('x', kBlock));
  REQUIRE(bench.write(*file, kBlock, bytes_of('D', kBlock), true) == kBlock);
  const auto seen = outcomes(bench.storage.snapshot(), {.keep = Keep::random}, 2);
  CHECK(seen == std::set<std::string>{"0D", "xD"});
}

TEST_CASE("crash: nothing older comes back over a durable write") {
  Bench bench;
  const auto file = bench.file("f");
  REQUIRE(bench.directory->sync());
  bench.write(*file, 0, bytes_of('x', 2 * kBlock));
  REQUIRE(file->resize(0));
  REQUIRE(bench.write(*file, 0, bytes_of('D', kBlock), true) == kBlock);
  // The size that the durable write needs brings the earlier cut along.
  CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::random}, 2) ==
        std::set<std::string>{"D"});
}

TEST_CASE("crash: a file may have grown without its data, with zeros or with stale bytes") {
  Bench bench;
  const auto file = bench.file("f");
  REQUIRE(bench.directory->sync());
  auto old = bench.file("old");
  bench.write(*old, 0, bytes_of('z', 8 * kBlock));
  REQUIRE(bench.sync(*old) == 0);
  REQUIRE(bench.directory->remove("old"));
  REQUIRE(bench.directory->sync());
  bench.write(*file, 0, bytes_of('n', kBlock));
  const Disk before_close = bench.storage.snapshot();
  CHECK(outcomes(before_close, {.keep = Keep::random}, 1) == std::set<std::string>{"", "n", "0"});
  const auto stale = outcomes(before_close, {.keep = Keep::random, .fill = Fill::stale}, 1);
  CHECK(stale.contains("?"));        // noise
  CHECK_FALSE(stale.contains("z"));  // the old file is still open: its blocks are in use
  old.reset();
  CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::random, .fill = Fill::stale}, 1)
            .contains("z"));
}

TEST_CASE("crash: a new name is sure only after a sync of its directory") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', kBlock));
  REQUIRE(bench.sync(*file) == 0);
  const Disk unsure = bench.storage.snapshot();
  CHECK(outcomes(unsure, {.keep = Keep::random}, 1) == std::set<std::string>{"gone", "a"});
  CHECK(outcomes(unsure, {.keep = Keep::everything, .names = Names::lost}, 1) ==
        std::set<std::string>{"gone"});
  // A journal keeps order: the sync of the file took its name along.
  CHECK(outcomes(unsure, {.keep = Keep::random, .names = Names::ordered}, 1) ==
        std::set<std::string>{"a"});
  REQUIRE(bench.directory->sync());
  CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::synced, .names = Names::lost}, 1) ==
        std::set<std::string>{"a"});
}

TEST_CASE("crash: renames are whole, and out of order only in strict mode") {
  Bench bench;
  for (const char* name : {"one", "two"}) {
    const auto file = bench.file(name);
    bench.write(*file, 0, bytes_of(*name, 1));
    REQUIRE(bench.sync(*file) == 0);
  }
  REQUIRE(bench.directory->sync());
  REQUIRE(bench.directory->rename("one", "uno"));
  REQUIRE(bench.directory->rename("two", "due"));
  const Disk disk = bench.storage.snapshot();
  for (const Names names : {Names::strict, Names::ordered}) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const SimStorage after(disk.crashed({.seed = seed, .keep = Keep::random, .names = names}), 1);
      std::string found;
      for (const auto& [path, size] : after.tree()) found += path.substr(3) + " ";
      seen.insert(found);
    }
    CHECK(seen.contains("one two "));
    CHECK(seen.contains("due uno "));
    CHECK(seen.contains("two uno "));
    CHECK(seen.contains("due one ") == (names == Names::strict));
    CHECK(seen.size() == (names == Names::strict ? 4 : 3));
  }
}

TEST_CASE("crash: a removed file may be back, whole") {
  Bench bench;
  {
    const auto file = bench.file("f");
    bench.write(*file, 0, bytes_of('a', kBlock));
    REQUIRE(bench.sync(*file) == 0);
  }
  REQUIRE(bench.directory->sync());
  REQUIRE(bench.directory->remove("f"));
  CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::random}, 1) ==
        std::set<std::string>{"gone", "a"});
  REQUIRE(bench.directory->sync());
  CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::random}, 1) ==
        std::set<std::string>{"gone"});
}

TEST_CASE("crash: requests under way may or may not have happened") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', kBlock));
  REQUIRE(bench.sync(*file) == 0);
  REQUIRE(bench.directory->sync());
  Bytes data = bytes_of('B', kBlock);
  const iovec buffer{data.data(), data.size()};
  io::Request request{.opcode = io::Opcode::write,
                      .durable = true,
                      .file = file.get(),
                      .offset = 0,
                      .buffers = {&buffer, 1}};
  io::Request* pointer = &request;
  REQUIRE(bench.queue->submit({&pointer, 1}) == 1);
  CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::random}, 1) ==
        std::set<std::string>{"a", "B"});
  bench.storage.cut_power();
  io::Request* done = nullptr;
  REQUIRE(bench.queue->reap({&done, 1}, 1) == 1);
  CHECK(request.result == -EIO);
  CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::random}, 1) ==
        std::set<std::string>{"a", "B"});
}

TEST_CASE("crash: a sync covers only what was complete when it was submitted") {
  bool covered = false;
  bool missed = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Bench bench(seed);
    const auto file = bench.file("f");
    REQUIRE(bench.directory->sync());
    Bytes data = bytes_of('B', kBlock);
    const iovec buffer{data.data(), data.size()};
    io::Request write{.opcode = io::Opcode::write, .file = file.get(), .buffers = {&buffer, 1}};
    io::Request sync{.opcode = io::Opcode::sync, .file = file.get()};
    std::array<io::Request*, 2> both = {&write, &sync};
    REQUIRE(bench.queue->submit(both) == 2);
    std::array<io::Request*, 2> done{};
    REQUIRE(bench.queue->reap(done, 2) == 2);
    CHECK(bench.storage.contents("db/f", SimStorage::View::durable).empty());
    const auto seen = outcomes(bench.storage.snapshot(), {.keep = Keep::random}, 1);
    covered |= seen.contains("B");
    missed |= seen.contains("");
    REQUIRE(bench.sync(*file) == 0);
    CHECK(letter(bench.storage.contents("db/f", SimStorage::View::durable)) == 'B');
  }
  CHECK(covered);
  CHECK(missed);
}

TEST_CASE("power: the k-th change may be there, later ones are not, and old handles stay dead") {
  std::set<char> kept;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Bench bench(seed);
    const auto file = bench.file("f");
    bench.write(*file, 0, bytes_of('a', kBlock));
    REQUIRE(bench.sync(*file) == 0);
    REQUIRE(bench.directory->sync());
    bench.storage.cut_power_at_mutation(bench.storage.mutations() + 1);
    CHECK(bench.storage.has_power());
    CHECK(letter(bench.read(*file, 0, kBlock)) == 'a');  // reads are no changes
    CHECK(bench.write(*file, 0, bytes_of('b', kBlock)) == -EIO);
    CHECK(bench.write(*file, 0, bytes_of('c', kBlock)) == -EIO);
    CHECK_FALSE(bench.storage.has_power());
    CHECK(file->info().error().os_error() == EIO);
    bench.crash({.seed = seed, .keep = Keep::random});
    CHECK(file->info().error().os_error() == EIO);
    kept.insert(letter(bench.read(*bench.file("f"), 0, kBlock)));
  }
  CHECK(kept == std::set<char>{'a', 'b'});
}

TEST_CASE("power: a name that was being made when the power went may be there") {
  std::set<bool> there;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Bench bench(seed);
    bench.storage.cut_power_at_mutation(bench.storage.mutations() + 1);
    CHECK(bench.directory->open("f", {.access = io::Access::read_write, .create = true})
              .error()
              .os_error() == EIO);
    bench.crash({.seed = seed, .keep = Keep::random});
    there.insert(bench.storage.exists("db/f"));
  }
  CHECK(there.size() == 2);
}

TEST_CASE("power: a second cut during recovery works on what the first one left") {
  Bench bench;
  {
    const auto file = bench.file("f");
    bench.write(*file, 0, bytes_of('a', kBlock));
    REQUIRE(bench.sync(*file) == 0);
    REQUIRE(bench.directory->sync());
    bench.write(*file, 0, bytes_of('b', kBlock));
  }
  bench.crash({.keep = Keep::everything});
  // What the next boot finds is on the disk, whoever wrote it.
  CHECK(letter(bench.storage.contents("db/f", SimStorage::View::durable)) == 'b');
  bench.storage.cut_power_at_mutation(2);
  const auto file = bench.file("f");
  CHECK(bench.write(*file, 0, bytes_of('c', kBlock)) == -EIO);
  bench.crash({.keep = Keep::synced});
  CHECK(letter(bench.storage.contents("db/f")) == 'b');
}

TEST_CASE("kill: the kernel keeps what was completed; of requests under way some happen") {
  std::set<char> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Bench bench(seed);
    const auto file = bench.file("f");
    bench.write(*file, 0, bytes_of('a', kBlock));
    Bytes data = bytes_of('b', kBlock);
    const iovec buffer{data.data(), data.size()};
    io::Request request{.opcode = io::Opcode::write, .file = file.get(), .buffers = {&buffer, 1}};
    io::Request* pointer = &request;
    REQUIRE(bench.queue->submit({&pointer, 1}) == 1);
    REQUIRE(file->try_lock(io::LockKind::exclusive, 0, 0).value());
    bench.storage.kill();
    CHECK(file->info().error().os_error() == EIO);
    bench.queue.reset();
    bench.open();
    const auto again = bench.file("f");
    CHECK(again->try_lock(io::LockKind::exclusive, 0, 0).value());
    seen.insert(letter(bench.read(*again, 0, kBlock)));
    // Not synced, so a power cut may still take it.
    CHECK(outcomes(bench.storage.snapshot(), {.keep = Keep::synced}, 1).contains("gone"));
  }
  CHECK(seen == std::set<char>{'a', 'b'});
}

TEST_CASE("disk: a snapshot stays as it was while the machine goes on") {
  Bench bench;
  const auto file = bench.file("f");
  bench.write(*file, 0, bytes_of('a', kBlock));
  const Disk before = bench.storage.snapshot();
  bench.write(*file, 0, bytes_of('b', kBlock));
  REQUIRE(bench.directory->remove("f"));
  const SimStorage then(before, 1);
  CHECK(letter(then.contents("db/f")) == 'a');
}
