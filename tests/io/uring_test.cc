// What only rings do: they are proved, refused, handed on, forked, and shut out.
#include "io/uring_storage.h"

#include <fcntl.h>
#include <liburing.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "io/complete.h"
#include "io/deny.h"
#include "io/locked_memory.h"
#include "io/queue_fixture.h"
#include "io/soon.h"

using namespace siltstone;
using namespace siltstone::io;

namespace {

bool rings_work() {
  static const UringStorage storage({});
  if (storage.report().why_no_ring) {
    MESSAGE("skipped: " << storage.report().why_no_ring->to_string());
    return false;
  }
  if (!may_lock_ample_memory()) {
    MESSAGE("skipped: too little memory may be locked");
    return false;
  }
  return true;
}

/// What the kernel tells of every ring of this process.
std::vector<std::string> ring_infos() {
  std::vector<std::string> infos;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) == "anon_inode:[io_uring]") {
      infos.push_back(slurp("/proc/self/fdinfo/" + entry.path().filename().string()));
    }
  }
  return infos;
}

bool any_contains(const std::vector<std::string>& texts, const std::string& part) {
  return std::ranges::any_of(texts, [&](const auto& text) { return text.contains(part); });
}

std::set<int> ring_descriptors() {
  std::set<int> descriptors;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) == "anon_inode:[io_uring]") {
      descriptors.insert(std::stoi(entry.path().filename()));
    }
  }
  return descriptors;
}

/// Puts a completion into a ring, as only a bug could. False where the kernel cannot do that.
bool post_completion(int ring, std::uint64_t tag, unsigned result) {
  io_uring own{};
  if (io_uring_queue_init(2, &own, 0) != 0) return false;
  io_uring_prep_msg_ring(io_uring_get_sqe(&own), ring, result, tag, 0);
  io_uring_cqe* done = nullptr;
  const bool posted = io_uring_submit_and_wait(&own, 1) == 1 &&
                      io_uring_peek_cqe(&own, &done) == 0 && done->res == 0;
  io_uring_queue_exit(&own);
  return posted;
}

std::size_t kernel_threads() {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    std::getline(comm, name);  // stays empty when the thread ends just now
    if (name.starts_with("iou-sqp")) ++count;
  }
  return count;
}

struct RingFixture {
  explicit RingFixture(const UringOptions& options = {.ring_depth = 32}) : storage(options) {}

  UringStorage storage;
  QueueFixture files{storage};
};

/// A queue whose ring can be told from all others, and reads to give it.
struct OneRing {
  explicit OneRing(RingFixture& f)
      : direct(f.files.open(true)), queue(f.storage.make_queue(8).value()) {
    for (std::size_t i = 0; i < reads.size(); ++i) {
      buffers[i] = {pages[i].bytes.data(), kPage};
      reads[i] = {.file = direct.get(), .buffers = {&buffers[i], 1}};
    }
  }

  /// How many requests came back, until so many did or an error; `last` is what reap() said last.
  std::int64_t reap_until(std::int64_t wanted) {
    std::array<Request*, 8> done{};
    std::int64_t count = 0;
    for (int i = 0; i < 10 && count < wanted; ++i) {
      last = queue->reap(done, 1);
      if (last < 0) break;
      count += last;
    }
    return count;
  }
  /// To be called once the ring is there.
  bool post(std::uint64_t tag, unsigned result) {
    std::set<int> ours = ring_descriptors();
    for (const int other : others) ours.erase(other);
    REQUIRE(ours.size() == 1);
    const bool posted = post_completion(*ours.begin(), tag, result);
    if (!posted) MESSAGE("skipped: the kernel passes no messages between rings");
    return posted;
  }

  std::set<int> others = ring_descriptors();
  std::array<Page, 3> pages;
  std::array<iovec, 3> buffers;
  std::array<Request, 3> reads;
  std::int64_t last = 0;
  std::unique_ptr<File> direct;  // so that what is posted is there before what is read
  std::unique_ptr<Queue> queue;  // last: waits, when it goes, for what uses the rest
};

/// Reads a page through a fresh channel and says whether it is the right one.
bool reads_page(QueueFixture& files, File& file, std::size_t number) {
  Channel channel(files.storage.make_queue(8).value());
  Page page;
  return channel.read_exactly(file, number * kPage, page.bytes) && page.holds(number);
}

}  // namespace

TEST_CASE("uring: I1 fallback_without_io_uring, a refused ring means plain calls and a reason") {
  for (const int refusal : {EPERM, ENOSYS, EACCES, ENOMEM}) {
    const bool denied = with_denied({{SYS_io_uring_setup, refusal}}, [&] {
      RingFixture f;
      const UringReport report = f.storage.report();
      REQUIRE(report.why_no_ring);
      CHECK(report.why_no_ring->os_error() == refusal);
      CHECK(report.depth == 0);
      f.files.fill_file(3);
      CHECK(reads_page(f.files, *f.files.file, 2));
      CHECK(f.storage.statistics().rings == 0);
    });
    REQUIRE(denied);
  }
}

TEST_CASE("uring: I1 a ring that can be set up but not entered is refused by its proof") {
  if (!rings_work()) return;
  for (const int refusal : {EPERM, ENOSYS}) {
    const bool denied = with_denied({{SYS_io_uring_enter, refusal}}, [&] {
      RingFixture f;
      REQUIRE(f.storage.report().why_no_ring);
      CHECK(f.storage.report().why_no_ring->os_error() == refusal);
      f.files.fill_file(1);
      CHECK(reads_page(f.files, *f.files.file, 0));
    });
    REQUIRE(denied);
  }
}

TEST_CASE("uring: I2 with too little memory the ring is smaller") {
  if (!rings_work()) return;
  const bool denied = with_denied({{SYS_io_uring_setup, ENOMEM, 0, 64}}, [&] {
    RingFixture f({.ring_depth = 64});
    CHECK(!f.storage.report().why_no_ring);
    CHECK(f.storage.report().depth == 32);
    f.files.fill_file(2);
    CHECK(reads_page(f.files, *f.files.file, 1));
    CHECK(f.storage.statistics().rings > 0);
  });
  REQUIRE(denied);
}

TEST_CASE("uring: I2 a queue that gets no ring any more uses plain calls") {
  if (!rings_work()) return;
  RingFixture f;
  const bool denied = with_denied({{SYS_io_uring_setup, ENOMEM}}, [&] {
    f.files.fill_file(2);
    CHECK(reads_page(f.files, *f.files.file, 1));
  });
  REQUIRE(denied);
  CHECK(f.storage.statistics().refused == 2);
  CHECK(f.storage.statistics().rings == 0);
}

TEST_CASE("uring: I3 known files and memory are used, and done without where refused") {
  if (!rings_work()) return;
  RingFixture f;
  f.files.fill_file(2);
  alignas(kPage) static std::array<std::byte, 4 * kPage> memory;
  const auto exercise = [&] {
    auto queue = f.storage.make_queue(8).value();
    queue->remember(*f.files.file);
    queue->remember(std::span(memory));
    Channel channel(std::move(queue));
    const auto middle = std::span(memory).subspan(kPage, kPage);
    const auto direct = f.files.open(true);
    std::ranges::fill(middle, std::byte{2});
    REQUIRE(channel.write_all(*direct, kPage, middle));
    std::ranges::fill(middle, std::byte{0});
    REQUIRE(channel.read_exactly(*f.files.file, kPage, middle));
    CHECK(std::ranges::all_of(middle, [](std::byte b) { return b == std::byte{2}; }));
    Page elsewhere;
    REQUIRE(channel.read_exactly(*f.files.file, kPage, elsewhere.bytes));
    CHECK(elsewhere.holds(1));
    REQUIRE(channel.sync(*f.files.file));
    return ring_infos();
  };
  const auto infos = exercise();
  CHECK(any_contains(infos, "UserFiles:\t1\n"));
  CHECK(any_contains(infos, "UserBufs:\t1\n"));
  const bool denied = with_denied({{SYS_io_uring_register, ENOMEM}},
                                  [&] { CHECK(!any_contains(exercise(), "UserFiles:\t1\n")); });
  REQUIRE(denied);
}

TEST_CASE("uring: the depth that was asked for is the kernel's, and rounded up") {
  if (!rings_work()) return;
  RingFixture f({.ring_depth = 50});
  CHECK(f.storage.report().depth == 64);
  auto queue = f.storage.make_queue(1).value();
  CHECK(queue->capacity() == 50);
  CHECK(f.storage.make_queue(100).value()->capacity() == 100);
  f.files.fill_file(1);
  CHECK(reads_page(f.files, *f.files.file, 0));
  Channel channel(std::move(queue));
  Page page;
  REQUIRE(channel.read_exactly(*f.files.file, 0, page.bytes));
  CHECK(any_contains(ring_infos(), "SqMask:\t0x3f\n"));
}

TEST_CASE("uring: sqpoll reaches the kernel, one thread for all rings") {
  if (!rings_work()) return;
  const std::size_t before = kernel_threads();
  {
    RingFixture f({.ring_depth = 32, .sqpoll = true});
    if (f.storage.report().why_no_sqpoll) {
      MESSAGE("skipped: " << f.storage.report().why_no_sqpoll->to_string());
      return;
    }
    CHECK(f.storage.report().sqpoll);
    f.files.fill_file(2);
    Channel one(f.storage.make_queue(8).value());
    Channel two(f.storage.make_queue(8).value());
    Page page;
    REQUIRE(one.read_exactly(*f.files.file, 0, page.bytes));
    CHECK(page.holds(0));
    REQUIRE(two.read_exactly(*f.files.file, kPage, page.bytes));
    CHECK(page.holds(1));
    CHECK(kernel_threads() == before + 1);
  }
  CHECK(soon([&] { return kernel_threads() == before; }));
}

TEST_CASE("uring: I4 a device that cannot be polled is found out, and its requests carried out") {
  if (!rings_work()) return;
  RingFixture f({.ring_depth = 32, .iopoll = true});
  CHECK(f.storage.report().iopoll);
  f.files.fill_file(40);
  const auto direct = f.files.open(true);
  Channel channel(f.storage.make_queue(32).value());
  std::vector<Page> pages(40);
  std::vector<Transfer> reads(40);
  for (std::size_t i = 0; i < 40; ++i) channel.read(reads[i], *direct, i * kPage, pages[i].bytes);
  for (const Transfer& read : reads) channel.wait(read);
  for (std::size_t i = 0; i < 40; ++i) CHECK(pages[i].holds(i));
  REQUIRE(channel.sync(*direct));
  const UringReport report = f.storage.report();
  if (direct->direct()) CHECK(report.iopoll == !report.why_no_iopoll);
  if (report.why_no_iopoll) {
    CHECK(report.why_no_iopoll->os_error() == EOPNOTSUPP);
    CHECK(reads_page(f.files, *direct, 7));
    CHECK(f.storage.statistics().submissions > 0);
  }
}

TEST_CASE("uring: stats_are_exact, reads and direct writes use the ring, buffered writes do not") {
  if (!rings_work()) return;
  RingFixture f;
  Channel channel(f.storage.make_queue(32).value());
  Page page;
  page.fill(0);
  REQUIRE(channel.write_all(*f.files.file, 0, page.bytes));
  CHECK(f.storage.statistics().plain == 1);
  CHECK(f.storage.statistics().submissions == 0);
  REQUIRE(channel.sync(*f.files.file));
  const auto direct = f.files.open(true);
  if (!direct->direct()) return;
  REQUIRE(channel.write_all(*direct, 0, page.bytes, Durability::durable));
  REQUIRE(channel.read_exactly(*direct, 0, page.bytes));
  UringStatistics statistics = f.storage.statistics();
  CHECK(statistics.plain == 1);
  CHECK(statistics.submissions == 3);
  CHECK(statistics.completions == 3);
  CHECK(statistics.enters == 3);
  CHECK(statistics.rings == 1);

  std::array<Page, 32> pages;
  std::array<Transfer, 32> reads;
  for (std::size_t i = 0; i < 32; ++i) channel.read(reads[i], *direct, 0, pages[i].bytes);
  channel.poll();
  CHECK(f.storage.statistics().submissions == 3 + 32);
  CHECK(f.storage.statistics().enters == 3 + 4);  // the batch went out by eights
  for (const Transfer& read : reads) channel.wait(read);
  CHECK(f.storage.statistics().completions == 3 + 32);

  const std::uint64_t before = f.storage.statistics().enters;
  for (std::size_t i = 0; i < 8; ++i) channel.read(reads[i], *direct, 0, pages[i].bytes);
  channel.poll();
  CHECK(f.storage.statistics().enters == before + 1);  // a small one by one call
  for (const Transfer& read : reads) channel.wait(read);
}

TEST_CASE("uring: a queue that changes hands gets a ring that several threads may use") {
  if (!rings_work()) return;
  RingFixture f;
  f.files.fill_file(2);
  const auto before = f.storage.statistics().rings;
  Channel channel(f.storage.make_queue(8).value());
  const auto read = [&](std::size_t number) {
    Page page;
    REQUIRE(channel.read_exactly(*f.files.file, number * kPage, page.bytes));
    CHECK(page.holds(number));
  };
  read(0);
  CHECK(f.storage.statistics().rings == before + 1);
  for (int i = 0; i < 3; ++i) on_other_thread([&] { read(1); });
  read(0);
  CHECK(f.storage.statistics().rings == before + (f.storage.report().exclusive ? 2 : 1));
  CHECK(f.storage.statistics().refused == 0);
}

TEST_CASE("uring: I5 a kernel that is short of something for good is an error, not a hang") {
  if (!rings_work()) return;
  for (const int refusal : {EAGAIN, EBUSY, EINTR}) {
    RingFixture f;
    f.files.fill_file(1);
    on_other_thread([&] {
      Channel channel(f.storage.make_queue(8).value());
      Page page;
      REQUIRE(channel.read_exactly(*f.files.file, 0, page.bytes));
      REQUIRE(deny_here({{SYS_io_uring_enter, refusal}}));
      const auto result = channel.read_exactly(*f.files.file, 0, page.bytes);
      REQUIRE(!result);
      CHECK(result.error().os_error() == (refusal == EINTR ? EAGAIN : refusal));
    });
  }
}

TEST_CASE("uring: I9 a sandbox that closes later is an error that stays, and close returns") {
  if (!rings_work()) return;
  RingFixture f;
  f.files.fill_file(16);
  const auto direct = f.files.open(true);
  on_other_thread([&] {
    Channel channel(f.storage.make_queue(16).value());
    std::array<Page, 16> pages;
    std::array<Transfer, 16> reads;
    for (std::size_t i = 0; i < 16; ++i) channel.read(reads[i], *direct, i * kPage, pages[i].bytes);
    channel.poll();
    REQUIRE(deny_here({{SYS_io_uring_enter, EPERM}}));
    for (const Transfer& read : reads) channel.wait(read);
    const auto later = channel.read_exactly(*f.files.file, 0, pages[0].bytes);
    REQUIRE(!later);
    CHECK(later.error().os_error() == EPERM);
    CHECK(channel.sync(*f.files.file).error().os_error() == EPERM);
  });
}

TEST_CASE("uring: B9 a completion that is not ours breaks the queue, and ends no request twice") {
  if (!rings_work()) return;
  // The tag of the first request, which has completed by then; slots that are free; no slot at all.
  constexpr std::uint64_t kFirst = std::uint64_t{1} << 32;
  for (const std::uint64_t tag : {kFirst, kFirst | 3, std::uint64_t{3}, ~std::uint64_t{0}}) {
    // After one request the next one has the slot of the first; after two it has not.
    for (const std::int64_t before : {1, 2}) {
      RingFixture f;
      f.files.fill_file(2);
      OneRing ring(f);
      const std::array<Request*, 2> first{&ring.reads[0], &ring.reads[1]};
      REQUIRE(ring.queue->submit(std::span(first).first(static_cast<std::size_t>(before))) ==
              before);
      CHECK(ring.reap_until(before) == before);
      if (!ring.post(tag, 1)) return;
      REQUIRE(ring.queue->submit(std::array{&ring.reads[2]}) == 1);
      CHECK(ring.reap_until(3) <= 1);
      CHECK(ring.reads[2].result != 1);
      CHECK(ring.last == -EPROTO);
      CHECK(ring.queue->submit(std::array{&ring.reads[0]}) == -EPROTO);
    }
  }
}

TEST_CASE("uring: I6 a sync that was cancelled never began, and is carried out") {
  if (!rings_work()) return;
  RingFixture f;
  f.files.fill_file(2);
  OneRing ring(f);
  REQUIRE(ring.queue->submit(std::array{&ring.reads[0]}) == 1);
  CHECK(ring.reap_until(1) == 1);
  Request sync{.opcode = Opcode::sync, .file = f.files.file.get(), .buffers = {}};
  if (!ring.post((std::uint64_t{2} << 32), static_cast<unsigned>(-ECANCELED))) return;
  REQUIRE(ring.queue->submit(std::array{&sync}) == 1);
  static_cast<void>(ring.reap_until(1));
  CHECK(sync.result == 0);
}

TEST_CASE("uring: I8 in a ring that came out smaller there is never more under way than it holds") {
  if (!rings_work()) return;
  const bool denied = with_denied({{SYS_io_uring_setup, ENOMEM, 0, 64}}, [&] {
    RingFixture f({.ring_depth = 64});
    f.files.fill_file(1);
    const auto direct = f.files.open(true);
    auto queue = f.storage.make_queue(64).value();
    std::vector<Page> pages(64);
    std::vector<iovec> buffers;
    std::vector<Request> reads;
    std::vector<Request*> batch;
    for (Page& page : pages) buffers.push_back({page.bytes.data(), kPage});
    for (iovec& buffer : buffers) reads.push_back({.file = direct.get(), .buffers = {&buffer, 1}});
    for (Request& read : reads) batch.push_back(&read);
    std::array<Request*, 64> done{};
    std::size_t taken = 0;
    std::size_t given = 0;
    while (given < 64) {
      const auto more = queue->submit(std::span(batch).subspan(taken));
      REQUIRE(more >= 0);
      taken += static_cast<std::size_t>(more);
      CHECK(taken - given <= 32);
      const auto back = queue->reap(done, more == 0 ? 1 : 0);
      REQUIRE(back >= 0);
      given += static_cast<std::size_t>(back);
    }
    CHECK(f.storage.report().depth == 32);
  });
  REQUIRE(denied);
}

TEST_CASE("uring: I10 the child of a fork gets an error, and leaves the parent's ring alone") {
  if (!rings_work()) return;
  RingFixture f;
  f.files.fill_file(2);
  auto queue = f.storage.make_queue(8).value();
  std::optional<Channel> channel(std::move(queue));
  Page page;
  REQUIRE(channel->read_exactly(*f.files.file, 0, page.bytes));
  const pid_t child = fork();
  if (child == 0) {
    const auto result = channel->read_exactly(*f.files.file, 0, page.bytes);
    channel.reset();
    _exit(!result && result.error().os_error() == EOWNERDEAD ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  REQUIRE(channel->read_exactly(*f.files.file, kPage, page.bytes));
  CHECK(page.holds(1));
}

TEST_CASE("uring: G7 a ring's descriptor is not 0, 1 or 2") {
  if (!rings_work()) return;
  RingFixture f;
  f.files.fill_file(1);
  const int saved = dup(STDIN_FILENO);
  close(STDIN_FILENO);
  const bool right = reads_page(f.files, *f.files.file, 0);
  Channel channel(f.storage.make_queue(8).value());
  Page page;
  const bool kept = channel.read_exactly(*f.files.file, 0, page.bytes).has_value();
  const bool still_closed = fcntl(STDIN_FILENO, F_GETFD) == -1;
  dup2(saved, STDIN_FILENO);
  close(saved);
  CHECK(right);
  CHECK(kept);
  CHECK(still_closed);
}
