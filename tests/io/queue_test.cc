// Queues on real files: what a batch asks is done, in parallel or not, and what the kernel refuses
// comes back as the errno it is.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "io/complete.h"
#include "io/deny.h"
#include "io/posix_file.h"
#include "io/posix_storage.h"
#include "io/queue_fixture.h"
#include "io/soon.h"
#include "io/uring_storage.h"

using namespace siltstone;
using namespace siltstone::io;

namespace {

/// The storages that must all behave the same.
struct Plain {
  static Storage& storage() { return posix_storage(); }
};
template <bool sqpoll, bool iopoll>
struct Rings {
  static Storage& storage() {
    static UringStorage storage({.ring_depth = 32, .sqpoll = sqpoll, .iopoll = iopoll});
    return storage;
  }
};
struct RefusedRings {
  static Storage& storage() {
    static std::unique_ptr<UringStorage> storage;
    if (storage == nullptr && !with_denied({{SYS_io_uring_setup, EPERM}}, [] {
          storage = std::make_unique<UringStorage>(UringOptions{});
        })) {
      storage = std::make_unique<UringStorage>(UringOptions{});
    }
    return *storage;
  }
};
using PlainRings = Rings<false, false>;
using KernelThreadRings = Rings<true, false>;
using PollingRings = Rings<false, true>;
#define ALL_STORAGES Plain, PlainRings, KernelThreadRings, PollingRings, RefusedRings

template <typename On>
struct Fixture : QueueFixture {
  Fixture() : QueueFixture(On::storage()) {}
};

/// So that buffered reads have to wait for the device.
void drop_cache(File& file) {
  const int descriptor = static_cast<PosixFile&>(file).descriptor();
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

/// Flushes that the device under a file was asked for; nothing where that cannot be told.
std::optional<std::uint64_t> flushes_under(File& file) {
  const std::uint64_t number = file.info()->id.device;
  std::filesystem::path device = "/sys/dev/block/" + std::to_string(gnu_dev_major(number)) + ':' +
                                 std::to_string(gnu_dev_minor(number));
  if (!std::filesystem::exists(device)) return std::nullopt;
  device = std::filesystem::canonical(device);
  if (std::filesystem::exists(device / "partition")) device = device.parent_path();
  // Without a cache of its own, or when it can write through it, a device needs none.
  if (slurp(device / "queue/write_cache") != "write back\n") return std::nullopt;
  if (slurp(device / "queue/fua") != "0\n") return std::nullopt;
  std::istringstream figures(slurp(device / "stat"));
  std::vector<std::uint64_t> all{std::istream_iterator<std::uint64_t>(figures), {}};
  if (all.size() < 17) return std::nullopt;
  return all[15];
}

std::set<std::string> io_threads() {
  std::set<std::string> names;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const std::string name = slurp(task.path() / "comm");
    if (name.starts_with("silt-io")) names.insert(name.substr(0, name.find('\n')));
  }
  return names;
}

}  // namespace

TEST_CASE_TEMPLATE("queue: what is written, vectored and durable or not, is read back", On,
                   ALL_STORAGES) {
  Fixture<On> f;
  std::array<Page, kMaxBuffersPerRequest> pages;
  std::array<iovec, kMaxBuffersPerRequest> buffers;
  for (const bool durable : {false, true}) {
    for (const bool direct : {false, true}) {
      const auto file = f.open(direct);
      for (std::size_t i = 0; i < pages.size(); ++i) {
        pages[i].fill(i + (direct ? 1 : 0) + (durable ? 2 : 0));
        buffers[i] = {pages[i].bytes.data(), kPage};
      }
      Request write{.opcode = Opcode::write,
                    .durable = durable,
                    .file = file.get(),
                    .offset = kPage,
                    .buffers = buffers};
      CHECK(f.run(write) == static_cast<std::int64_t>(sizeof(pages)));
      Request sync{.opcode = Opcode::sync, .file = file.get(), .buffers = {}};
      CHECK(f.run(sync) == 0);
      auto expected = pages;
      for (Page& page : pages) page.bytes.fill(std::byte{0});
      Request read{.opcode = Opcode::read, .file = file.get(), .offset = kPage, .buffers = buffers};
      CHECK(f.run(read) == static_cast<std::int64_t>(sizeof(pages)));
      for (std::size_t i = 0; i < pages.size(); ++i) CHECK(pages[i].bytes == expected[i].bytes);
      read.offset = sizeof(pages) + kPage;
      CHECK(f.run(read) == 0);
    }
  }
}

TEST_CASE_TEMPLATE(
    "queue: a batch of many reads, larger than the queue, gives every page to its owner", On,
    ALL_STORAGES) {
  for (const bool direct : {false, true}) {
    Fixture<On> f;
    constexpr std::size_t kPages = 300;
    f.fill_file(kPages);
    const auto file = f.open(direct);
    if (!direct) drop_cache(*file);
    Channel channel(std::move(f.queue));
    std::vector<Page> pages(kPages);
    std::vector<Transfer> reads(kPages);
    for (std::size_t i = 0; i < kPages; ++i) {
      const std::size_t number = i * 7 % kPages;
      channel.read(reads[i], *file, number * kPage, pages[i].bytes);
    }
    for (const Transfer& read : reads) channel.wait(read);
    for (std::size_t i = 0; i < kPages; ++i) {
      REQUIRE(reads[i].outcome());
      REQUIRE(pages[i].holds(i * 7 % kPages));
    }
  }
}

TEST_CASE_TEMPLATE("queue: polling alone finishes a batch of reads", On, ALL_STORAGES) {
  Fixture<On> f;
  f.fill_file(8);
  const auto file = f.open(true);
  Channel channel(std::move(f.queue));
  std::array<Page, 8> pages;
  std::array<Transfer, 8> reads;
  for (std::size_t i = 0; i < 8; ++i) channel.read(reads[i], *file, i * kPage, pages[i].bytes);
  while (!std::ranges::all_of(reads, &Transfer::done)) channel.poll();
  for (std::size_t i = 0; i < 8; ++i) CHECK(pages[i].holds(i));
}

TEST_CASE_TEMPLATE(
    "queue: I8 ring_full_backpressure, it takes no more than its capacity until that is reaped", On,
    ALL_STORAGES) {
  Fixture<On> f;
  f.fill_file(1);
  const std::size_t capacity = f.queue->capacity();
  CHECK(capacity >= 16);
  std::vector<Page> pages(capacity + 3);
  std::vector<iovec> buffers;
  for (Page& page : pages) buffers.push_back({page.bytes.data(), kPage});
  std::vector<Request> requests(capacity + 3);
  std::vector<Request*> batch;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].file = f.file.get();
    requests[i].buffers = {&buffers[i], 1};
    batch.push_back(&requests[i]);
  }
  CHECK(f.queue->submit(batch) == static_cast<std::int64_t>(capacity));
  CHECK(f.queue->submit(std::span(batch).subspan(capacity)) == 0);
  std::vector<Request*> done(batch.size());
  std::set<Request*> seen;
  while (seen.size() < capacity) {
    const std::int64_t count = f.queue->reap(done, 1);
    REQUIRE(count >= 0);
    for (std::int64_t i = 0; i < count; ++i)
      CHECK(seen.insert(done[static_cast<std::size_t>(i)]).second);
  }
  CHECK(f.queue->submit(std::span(batch).subspan(capacity)) == 3);
  std::int64_t rest = 0;
  while (rest < 3) rest += f.queue->reap(done, 3);
  CHECK(rest == 3);
  CHECK(f.queue->reap(done, 1) == 0);
}

TEST_CASE_TEMPLATE("queue: B8 one that goes waits for what is under way", On, ALL_STORAGES) {
  Fixture<On> f;
  f.fill_file(16);
  const auto file = f.open(true);
  std::array<Page, 16> pages;
  for (int round = 0; round < 20; ++round) {
    auto queue = f.storage.make_queue(16).value();
    std::array<iovec, 16> buffers;
    std::array<Request, 16> requests;
    std::array<Request*, 16> batch;
    for (std::size_t i = 0; i < 16; ++i) {
      buffers[i] = {pages[i].bytes.data(), kPage};
      requests[i] = {.file = file.get(), .offset = i * kPage, .buffers = {&buffers[i], 1}};
      batch[i] = &requests[i];
    }
    // A ring that came out smaller, for lack of memory to lock, takes fewer.
    REQUIRE(queue->submit(batch) > 0);
    std::array<Request*, 1> done{};
    if (round % 2 == 0) REQUIRE(queue->reap(done, 0) >= 0);  // a ring hands them over now
    queue.reset();
    // A read that still ran would write over this.
    for (Page& page : pages) page.bytes.fill(std::byte{0xee});
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    for (const Page& page : pages) {
      CHECK(std::ranges::all_of(page.bytes, [](std::byte b) { return b == std::byte{0xee}; }));
    }
  }
}

TEST_CASE_TEMPLATE("queue: completion_errors_surface, the errno of the kernel is the result", On,
                   ALL_STORAGES) {
  Fixture<On> f;
  f.fill_file(1);
  Page page;
  const iovec buffer{page.bytes.data(), kPage};
  const auto readable = f.directory->open("file", {}).value();
  Request write{.opcode = Opcode::write, .file = readable.get(), .buffers = {&buffer, 1}};
  CHECK(f.run(write) == -EBADF);
  Request negative{.file = f.file.get(), .offset = UINT64_MAX, .buffers = {&buffer, 1}};
  CHECK(f.run(negative) == -EINVAL);
  std::array<Request, 2> reads{negative, negative};
  std::array<Request*, 2> batch{&reads[0], &reads[1]};
  REQUIRE(f.queue->submit(batch) == 2);
  std::array<Request*, 2> done{};
  std::int64_t count = 0;
  while (count < 2) count += f.queue->reap(done, 1);
  CHECK(reads[0].result == -EINVAL);
  CHECK(reads[1].result == -EINVAL);
}

TEST_CASE_TEMPLATE("queue: E6 a file at its size limit takes a part, and then there is no space",
                   On, ALL_STORAGES) {
  Fixture<On> f;
  Channel channel(std::move(f.queue));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::array<Page, 4> pages;
  for (Page& page : pages) page.fill(1);
  const auto result = channel.write_all(*f.file, 0, std::as_bytes(std::span(pages)));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  REQUIRE(!result);
  CHECK(result.error().code() == ErrorCode::no_space);
  CHECK(result.error().offset() == 10'000);
  CHECK(f.file->info()->size_bytes == 10'000);
}

TEST_CASE_TEMPLATE("queue: a durable write, and a sync, reach the device", On, ALL_STORAGES) {
  Fixture<On> f;
  f.fill_file(1);
  const auto direct = f.open(true);
  Page page;
  page.fill(3);
  const iovec buffer{page.bytes.data(), kPage};
  const auto before = flushes_under(*direct);
  if (!before) {
    MESSAGE("skipped: this device does not tell of its flushes");
    return;
  }
  constexpr int kTimes = 8;
  for (int i = 0; i < kTimes; ++i) {
    Request write{
        .opcode = Opcode::write, .durable = true, .file = direct.get(), .buffers = {&buffer, 1}};
    REQUIRE(f.run(write) == kPage);
  }
  const auto between = flushes_under(*direct);
  CHECK(*between >= *before + kTimes);
  for (int i = 0; i < kTimes; ++i) {
    Request write{.opcode = Opcode::write, .file = f.file.get(), .buffers = {&buffer, 1}};
    REQUIRE(f.run(write) == kPage);
    Request sync{.opcode = Opcode::sync, .file = f.file.get(), .buffers = {}};
    REQUIRE(f.run(sync) == 0);
  }
  CHECK(*flushes_under(*direct) >= *between + kTimes);
}

TEST_CASE_TEMPLATE("queue: I4 where RWF_DSYNC is refused a durable write is a write and a sync", On,
                   ALL_STORAGES) {
  Fixture<On> f;
  Page page;
  page.fill(9);
  const iovec buffer{page.bytes.data(), kPage};
  Request write{
      .opcode = Opcode::write, .durable = true, .file = f.file.get(), .buffers = {&buffer, 1}};
  REQUIRE(with_denied({{SYS_pwritev2, EOPNOTSUPP}}, [&] { CHECK(f.run(write) == kPage); }));
  CHECK(slurp(f.scratch / "file").size() == kPage);
  // That the sync takes place shows in its failure, which must not look like something to repeat.
  for (const auto& [refusal, result] : {std::pair(EIO, EIO), std::pair(EINTR, EIO)}) {
    REQUIRE(with_denied({{SYS_pwritev2, EOPNOTSUPP}, {SYS_fdatasync, refusal}},
                        [&] { CHECK(f.run(write) == -result); }));
  }
}

TEST_CASE("queue: D1 a failed sync is what the kernel says") {
  Fixture<Plain> f;
  Request sync{.opcode = Opcode::sync, .file = f.file.get(), .buffers = {}};
  REQUIRE(with_denied({{SYS_fdatasync, EIO}}, [&] { CHECK(f.run(sync) == -EIO); }));
}

TEST_CASE("posix queue: one request at a time starts no thread, several reads start few") {
  Fixture<Plain> f;
  f.fill_file(16);
  const auto file = f.open(true);
  const bool direct = file->direct();
  std::array<Page, 16> pages;
  {
    Channel channel(std::move(f.queue));
    REQUIRE(channel.read_exactly(*file, 0, pages[0].bytes));
    CHECK(io_threads().empty());
    std::array<Transfer, 16> reads;
    for (std::size_t i = 0; i < 16; ++i) channel.read(reads[i], *file, i * kPage, pages[i].bytes);
    for (const Transfer& read : reads) channel.wait(read);
    const std::set<std::string> all{"silt-io0", "silt-io1", "silt-io2", "silt-io3"};
    if (direct) CHECK(soon([&] { return io_threads() == all; }));
  }
  CHECK(soon([] { return io_threads().empty(); }));
}

TEST_CASE("posix queue: G6 without threads the batch is carried out all the same") {
  Fixture<Plain> f;
  f.fill_file(16);
  const auto file = f.open(true);
  std::array<Page, 16> pages;
  const bool denied = with_denied({{SYS_clone3, EAGAIN}, {SYS_clone, EAGAIN}}, [&] {
    for (const bool poll : {false, true}) {
      Channel channel(f.storage.make_queue(16).value());
      std::array<Transfer, 16> reads;
      for (std::size_t i = 0; i < 16; ++i) channel.read(reads[i], *file, i * kPage, pages[i].bytes);
      for (int i = 0; poll && i < 100; ++i) channel.poll();
      if (poll) CHECK(std::ranges::all_of(reads, &Transfer::done));
      for (const Transfer& read : reads) channel.wait(read);
      CHECK(io_threads().empty());
    }
  });
  REQUIRE(denied);
  for (std::size_t i = 0; i < 16; ++i) CHECK(pages[i].holds(i));
}

TEST_CASE("posix queue: two queues share the pool and get their own pages") {
  Fixture<Plain> f;
  f.fill_file(64);
  const auto file = f.open(true);
  const auto read_all = [&] {
    Channel channel(f.storage.make_queue(32).value());
    for (int round = 0; round < 10; ++round) {
      std::array<Page, 64> pages;
      std::array<Transfer, 64> reads;
      for (std::size_t i = 0; i < 64; ++i) channel.read(reads[i], *file, i * kPage, pages[i].bytes);
      for (const Transfer& read : reads) channel.wait(read);
      for (std::size_t i = 0; i < 64; ++i) CHECK(pages[i].holds(i));
    }
  };
  std::thread other(read_all);
  read_all();
  other.join();
}
