// Shared commits: who leads, who is told, and that one bad job harms no other.
#include "page/group_commit.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "page/bench.h"

namespace siltstone::page {
namespace {

using support::Op;

// A parker that only spins: nothing here waits for long.
class SpinningParker final : public io::Parker {
 public:
  void wait(const std::atomic<std::uint32_t>&, std::uint32_t, io::Time) noexcept override {
    std::this_thread::yield();
  }
  void wake(const std::atomic<std::uint32_t>&, std::uint32_t) noexcept override {}
};

// The payload names every edit ever committed; what a group adds counts once it is durable.
class NamesSource final : public PayloadSource {
 public:
  Result<std::vector<std::byte>> serialise(std::span<Ticket* const> tickets) override {
    ++calls;
    largest = std::max(largest, tickets.size());
    if (refuse) return std::unexpected(Error(ErrorCode::invalid_argument, "refused"));
    for (const Ticket* ticket : tickets) names += *static_cast<const char*>(ticket->owner());
    const base::Bytes bytes = base::as_bytes(names);
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }

  std::string names;
  std::size_t calls = 0;
  std::size_t largest = 0;
  bool refuse = false;
};

struct GroupBench : Bench {
  GroupBench() {
    create();
    group = std::make_unique<GroupCommit>(*file, source, parker);
  }

  SpinningParker parker;
  NamesSource source;
  std::unique_ptr<GroupCommit> group;
};

constexpr char kNames[] = "abcdefgh";

}  // namespace

TEST_CASE("group commit: all that waits shares one generation") {
  GroupBench bench;
  std::vector<std::unique_ptr<Ticket>> tickets;
  std::vector<Extent> extents;
  for (std::size_t i = 0; i < 4; ++i) {
    extents.push_back(bench.write_extent(16, i));
    tickets.push_back(
        std::make_unique<Ticket>(Edit{.added = {extents.back()}}, const_cast<char*>(&kNames[i])));
    bench.group->enqueue(*tickets.back());
  }
  const std::uint64_t syncs = bench.file->stats().syncs;
  bench.group->wait(*tickets[2], *bench.channel);
  for (const auto& ticket : tickets) {
    REQUIRE(ticket->done());
    CHECK(ticket->outcome() == base::Generation(3));
  }
  CHECK(bench.file->stats().syncs - syncs == 2);
  CHECK(bench.source.calls == 1);
  bench.group.reset();
  CHECK(bench.open() == "abcd");
  for (std::size_t i = 0; i < 4; ++i) CHECK(bench.holds(extents[i], i));
}

TEST_CASE("group commit: what comes during a commit is the next group, and the leader polls") {
  GroupBench bench;
  Ticket first({}, const_cast<char*>(&kNames[0]));
  Ticket second({}, const_cast<char*>(&kNames[1]));
  io::Channel other(bench.storage.make_queue(8).value());
  bench.group->enqueue(first);
  bool leads = bench.group->poll(*bench.channel);
  REQUIRE(leads);
  bench.group->enqueue(second);
  CHECK(!bench.group->poll(other));  // somebody leads
  while (leads) leads = bench.group->poll(*bench.channel);
  CHECK(first.done());
  CHECK(!second.done());
  while (!second.done()) bench.group->poll(other);
  CHECK(second.outcome() == base::Generation(4));
}

TEST_CASE("group commit: a tainted job fails alone") {
  GroupBench bench;
  const Extent bad = bench.write_extent(16, 1);
  bench.fail({.on = Op::sync, .path = "*/pages"});
  REQUIRE(!bench.commit("x"));
  const Extent good = bench.write_extent(16, 2);
  Ticket tainted(Edit{.added = {bad}}, const_cast<char*>(&kNames[0]));
  Ticket clean(Edit{.added = {good}}, const_cast<char*>(&kNames[1]));
  bench.group->enqueue(tainted);
  bench.group->enqueue(clean);
  bench.group->wait(clean, *bench.channel);
  REQUIRE(tainted.done());
  CHECK(tainted.outcome().error().code() == ErrorCode::io);
  CHECK(clean.outcome().has_value());
  bench.group.reset();
  CHECK(bench.open() == "b");
}

TEST_CASE("group commit: D6 a failure is told to all, and the next group goes on") {
  GroupBench bench;
  Ticket first({}, const_cast<char*>(&kNames[0]));
  Ticket second({}, const_cast<char*>(&kNames[1]));
  SUBCASE("of the disk, outcome unknown") {
    bench.fail({.on = Op::sync, .path = "*/pages", .skip = 1});
  }
  SUBCASE("of the payload") { bench.source.refuse = true; }
  const bool of_payload = bench.source.refuse;
  bench.group->enqueue(first);
  bench.group->enqueue(second);
  bench.group->wait(first, *bench.channel);
  CHECK(!first.outcome());
  REQUIRE(second.done());
  CHECK(!second.outcome());
  CHECK(second.outcome_known() == of_payload);

  bench.source.refuse = false;
  Ticket third({}, const_cast<char*>(&kNames[2]));
  bench.group->enqueue(third);
  bench.group->wait(third, *bench.channel);
  CHECK(third.outcome().has_value());
}

TEST_CASE("group commit: threads that commit at once are all told once, and none is lost") {
  GroupBench bench;
  constexpr std::size_t kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::unique_ptr<io::Channel>> channels;
  for (std::size_t i = 0; i < kThreads; ++i) {
    channels.push_back(std::make_unique<io::Channel>(bench.storage.make_queue(8).value()));
  }
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&bench, &channels, &good, i] {
      for (int round = 0; round < kRounds; ++round) {
        Ticket ticket({}, const_cast<char*>(&kNames[i]));
        bench.group->enqueue(ticket);
        bench.group->wait(ticket, *channels[i]);
        if (ticket.outcome()) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == kThreads * kRounds);
  CHECK(bench.source.names.size() == kThreads * kRounds);
  channels.clear();
  bench.group.reset();
  CHECK(bench.open() == bench.source.names);
}

}  // namespace siltstone::page
