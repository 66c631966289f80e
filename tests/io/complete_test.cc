// Channel: whatever a queue does, a transfer ends whole or as an error that names the place.
#include "io/complete.h"

#include <array>
#include <numeric>

#include <doctest/doctest.h>

#include "io/fake_queue.h"

using namespace siltstone;
using namespace siltstone::io;

namespace {

std::string letters(std::size_t count) {
  std::string text(count, '\0');
  for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Buffers of these lengths over one string, one after the other.
std::vector<iovec> cut(std::string& text, std::span<const std::size_t> lengths) {
  std::vector<iovec> buffers;
  std::size_t at = 0;
  for (const std::size_t length : lengths) {
    buffers.push_back({text.data() + at, length});
    at += length;
  }
  return buffers;
}

struct Fixture {
  FakeQueue::Control control;
  FakeFile file;
  std::optional<Channel> channel;

  Channel& open() { return channel.emplace(std::make_unique<FakeQueue>(control)); }
};

}  // namespace

TEST_CASE("complete: B3 a short write is continued where it stopped") {
  Fixture f;
  f.control.script = {{.at_most = 3}, {.at_most = 1}};
  REQUIRE(f.open().write_all(f.file, 10, bytes_of(letters(9))));
  CHECK(f.file.content.substr(10) == letters(9));
  REQUIRE(f.control.seen.size() == 3);
  CHECK(f.control.seen[1].offset == 13);
  CHECK(f.control.seen[2].offset == 14);
}

TEST_CASE("complete: partial_writev, a vectored transfer may stop at any byte") {
  const std::array<std::size_t, 6> lengths{0, 3, 0, 1, 5, 2};
  for (std::size_t first = 0; first <= 11; ++first) {
    for (std::size_t second = 0; second <= 11; ++second) {
      Fixture f;
      std::string text = letters(11);
      f.control.script = {{.at_most = first}, {.at_most = second}};
      REQUIRE(f.open().write_all(f.file, 0, cut(text, lengths)));
      REQUIRE(f.file.content == text);

      f.control.script = {{.at_most = std::max<std::size_t>(first, 1)},
                          {.at_most = std::max<std::size_t>(second, 1)}};
      std::string read(11, '\0');
      const auto buffers = cut(read, lengths);
      Transfer transfer;
      f.channel->read(transfer, f.file, 0, buffers);
      f.channel->wait(transfer);
      REQUIRE(transfer.outcome() == 11u);
      REQUIRE(read == text);
    }
  }
}

TEST_CASE("complete: group_over_iov_max, more buffers than a request may have go out in order") {
  Fixture f;
  std::string text = letters(1000);
  const std::vector<std::size_t> lengths(1000, 1);
  REQUIRE(f.open().write_all(f.file, 0, cut(text, lengths), Durability::durable));
  CHECK(f.file.content == text);
  REQUIRE(f.control.seen.size() == 16);
  for (const Request& request : f.control.seen) {
    CHECK(request.buffers.size() <= kMaxBuffersPerRequest);
    CHECK(request.durable);
  }
}

TEST_CASE("complete: B3 I6 passing refusals are tried again, a bounded number of times") {
  for (const int passing : {EINTR, EAGAIN, EBUSY, ECANCELED}) {
    CAPTURE(passing);
    Fixture f;
    f.control.script = {{.os_error = passing}, {.at_most = 2}, {.os_error = passing}};
    REQUIRE(f.open().write_all(f.file, 0, bytes_of(letters(5))));
    CHECK(f.file.content == letters(5));

    f.control.always = {.os_error = passing};
    f.control.seen.clear();
    const auto result = f.channel->write_all(f.file, 7, bytes_of(letters(5)));
    REQUIRE(!result);
    CHECK(result.error().os_error() == passing);
    CHECK(result.error().path() == "fake");
    CHECK(result.error().offset() == 7);
    CHECK(f.control.seen.size() == Channel::kMaxRetries);
  }
}

TEST_CASE("complete: B3 a write without progress ends in an error") {
  Fixture f;
  f.control.script = {{.at_most = 2}};
  f.control.always = {.at_most = 0};
  const auto result = f.open().write_all(f.file, 100, bytes_of(letters(5)));
  REQUIRE(!result);
  CHECK(result.error().code() == ErrorCode::io);
  CHECK(result.error().offset() == 102);
}

TEST_CASE("complete: E1 E5 a short write that hides a full disk or quota ends in no_space") {
  for (const int full : {ENOSPC, EDQUOT}) {
    Fixture f;
    f.control.script = {{.at_most = 4}, {.os_error = full}};
    const auto result = f.open().write_all(f.file, 0, bytes_of(letters(8)));
    REQUIRE(!result);
    CHECK(result.error().code() == ErrorCode::no_space);
    CHECK(result.error().offset() == 4);
  }
}

TEST_CASE(
    "complete: completion_errors_surface, D8 a failed write is an error whatever a sync says") {
  Fixture f;
  Channel& channel = f.open();
  f.control.script = {{}, {.os_error = EIO}, {}};
  const std::string text = letters(4);
  std::array<Transfer, 3> writes;
  for (std::size_t i = 0; i < 3; ++i) channel.write(writes[i], f.file, i * 4, bytes_of(text));
  for (Transfer& write : writes) channel.wait(write);
  REQUIRE(channel.sync(f.file));
  CHECK(writes[0].outcome());
  REQUIRE(!writes[1].outcome());
  CHECK(writes[1].outcome().error().to_string() ==
        "io: fake at offset 4: write: Input/output error (EIO)");
  CHECK(writes[2].outcome());
}

TEST_CASE("complete: D1 a failed sync is not tried again") {
  for (const int os_error : {EIO, EINTR, EAGAIN}) {
    Fixture f;
    f.control.script = {{.os_error = os_error}};
    const auto result = f.open().sync(f.file);
    REQUIRE(!result);
    CHECK(result.error().os_error() == os_error);
    CHECK(!result.error().has_offset());
    CHECK(f.control.seen.size() == 1);
  }
}

TEST_CASE("complete: I7 the end of the file is corruption, or an end, as the reader asked") {
  Fixture f;
  f.file.content = letters(10);
  std::string out(8, '\0');
  const auto span = std::as_writable_bytes(std::span(out));
  const auto exact = f.open().read_exactly(f.file, 4, span);
  REQUIRE(!exact);
  CHECK(exact.error().code() == ErrorCode::corruption);
  CHECK(exact.error().path() == "fake");
  CHECK(exact.error().offset() == 10);
  CHECK(exact.error().expected() == 8);
  CHECK(exact.error().actual() == 6);

  CHECK(f.channel->read_to_end(f.file, 4, span) == 6u);
  CHECK(out.substr(0, 6) == letters(10).substr(4));
  CHECK(f.channel->read_to_end(f.file, 10, span) == 0u);
}

TEST_CASE("complete: I7 a short read in mid-file is continued") {
  Fixture f;
  f.file.content = letters(20);
  f.control.script = {{.at_most = 1}, {.os_error = EINTR}, {.at_most = 7}};
  std::string out(20, '\0');
  REQUIRE(f.open().read_exactly(f.file, 0, std::as_writable_bytes(std::span(out))));
  CHECK(out == letters(20));
}

TEST_CASE("complete: a direct transfer goes on at an aligned offset only") {
  Fixture f;
  f.file.align = {512, 512};
  f.control.script = {{.at_most = 700}, {.at_most = 512}};
  const std::string text = letters(2048);
  REQUIRE(f.open().write_all(f.file, 4096, bytes_of(text)));
  CHECK(f.file.content.substr(4096) == text);
  REQUIRE(f.control.seen.size() == 3);
  CHECK(f.control.seen[1].offset == 4096 + 512);
  CHECK(f.control.seen[2].offset == 4096 + 1024);

  // The file ends in mid-sector: the tail counts, and is the end.
  f.file.content.resize(4096 + 1300);
  std::string out(2048, '\0');
  CHECK(f.channel->read_to_end(f.file, 4096, std::as_writable_bytes(std::span(out))) == 1300u);
  CHECK(out.substr(0, 1300) == text.substr(0, 1300));

  f.control.always = {.at_most = 100};
  const auto result = f.channel->write_all(f.file, 0, bytes_of(text));
  REQUIRE(!result);
  CHECK(result.error().code() == ErrorCode::io);
}

TEST_CASE("complete: completions out of order reach their own transfers") {
  Fixture f;
  f.control.newest_first = true;
  f.file.content = letters(26);
  Channel& channel = f.open();
  std::array<Transfer, 20> reads;
  std::array<char, 20> out{};
  for (std::size_t i = 0; i < reads.size(); ++i) {
    channel.read(reads[i], f.file, i, std::as_writable_bytes(std::span(&out[i], 1)));
  }
  channel.poll();
  CHECK(f.control.batches == std::vector<std::size_t>{8});
  for (Transfer& read : reads) channel.wait(read);
  CHECK(std::string(out.data(), out.size()) == letters(20));
  CHECK(f.control.most_under_way == f.control.capacity);
}

TEST_CASE("complete: polling never waits, and finishes what was started") {
  Fixture f;
  f.control.capacity = 2;
  Channel& channel = f.open();
  const std::string text = letters(6);
  std::array<Transfer, 3> writes;
  for (std::size_t i = 0; i < 3; ++i) {
    channel.write(writes[i], f.file, 2 * i, bytes_of(text).subspan(2 * i, 2));
  }
  channel.poll();
  CHECK(f.control.under_way == 2);
  CHECK(!writes[0].done());
  f.control.reap_says = {1};
  channel.poll();
  CHECK(writes[0].done());
  CHECK(!writes[1].done());
  f.control.reap_says = {2, 2};
  channel.poll();
  channel.poll();
  CHECK(writes[2].done());
  CHECK(f.file.content == text);
}

TEST_CASE(
    "complete: I5 ring_full_backpressure, a queue that takes few at a time gets all of them") {
  Fixture f;
  f.control.submit_says = {0, 1, 0, 0, 2};
  Channel& channel = f.open();
  const std::string text = letters(5);
  std::array<Transfer, 5> writes;
  for (std::size_t i = 0; i < 5; ++i) {
    channel.write(writes[i], f.file, i, bytes_of(text).subspan(i, 1));
  }
  for (Transfer& write : writes) channel.wait(write);
  CHECK(f.file.content == text);
}

TEST_CASE("complete: I5 a queue that takes nothing ends in an error, never in a hang") {
  Fixture f;
  f.control.takes_nothing = true;
  const auto result = f.open().write_all(f.file, 0, bytes_of(letters(5)));
  REQUIRE(!result);
  CHECK(result.error().os_error() == EAGAIN);
  CHECK(f.control.closed);
}

TEST_CASE("complete: I5 a queue that gives nothing back ends in an error, after it was closed") {
  Fixture f;
  f.control.gives_nothing = true;
  const auto result = f.open().write_all(f.file, 0, bytes_of(letters(5)));
  REQUIRE(!result);
  CHECK(f.control.closed);
  CHECK(f.control.batches.size() == 1);
}

TEST_CASE("complete: I9 a queue that fails for good at submission lets the rest complete") {
  Fixture f;
  f.control.submit_says = {1, -EPERM};
  Channel& channel = f.open();
  const std::string text = letters(2);
  std::array<Transfer, 2> writes;
  channel.write(writes[0], f.file, 0, bytes_of(text));
  channel.poll();
  channel.write(writes[1], f.file, 2, bytes_of(text));
  channel.wait(writes[1]);
  REQUIRE(!writes[1].outcome());
  CHECK(writes[1].outcome().error().os_error() == EPERM);
  channel.wait(writes[0]);
  CHECK(writes[0].outcome() == 2u);

  const auto later = channel.sync(f.file);
  REQUIRE(!later);
  CHECK(later.error().os_error() == EPERM);
}

TEST_CASE("complete: I9 a short transfer on a queue that takes no more is an error") {
  Fixture f;
  f.control.script = {{.at_most = 1}};
  f.control.submit_says = {1, -EPERM};
  const auto result = f.open().write_all(f.file, 0, bytes_of(letters(5)));
  REQUIRE(!result);
  CHECK(result.error().offset() == 1);
}

TEST_CASE("complete: I9 a queue that fails for good while waiting is closed first") {
  Fixture f;
  f.control.reap_says = {-EIO};
  const auto result = f.open().write_all(f.file, 0, bytes_of(letters(5)));
  REQUIRE(!result);
  CHECK(result.error().os_error() == EIO);
  CHECK(f.control.closed);
  CHECK(!f.channel->sync(f.file));
}

TEST_CASE("complete: B9 a duplicate completion breaks the channel") {
  Fixture f;
  Channel& channel = f.open();
  f.control.repeat_last = true;
  f.control.reap_says = {1};
  const std::string text = letters(2);
  std::array<Transfer, 2> writes;
  for (Transfer& write : writes) channel.write(write, f.file, 0, bytes_of(text));
  for (Transfer& write : writes) channel.wait(write);
  CHECK(writes[0].outcome());
  REQUIRE(!writes[1].outcome());
  CHECK(writes[1].outcome().error().message() == "completion of a request that is not under way");
  CHECK(!channel.sync(f.file));
}

TEST_CASE("complete: B9 a completion nobody asked for breaks the channel") {
  Fixture f;
  Channel& channel = f.open();
  Request stranger;
  f.control.invented = &stranger;
  REQUIRE(channel.sync(f.file));
  const auto later = channel.sync(f.file);
  REQUIRE(!later);
  CHECK(later.error().message() == "completion of a request that is not under way");
}

TEST_CASE("complete: B9 more bytes than asked for are an error") {
  Fixture f;
  f.control.excess = 1;
  CHECK(!f.open().write_all(f.file, 0, bytes_of(letters(5))));
  CHECK(!f.channel->sync(f.file));
}

TEST_CASE("complete: B8 a transfer that goes waits for its request") {
  Fixture f;
  Channel& channel = f.open();
  {
    const std::string text = letters(5);
    Transfer write;
    f.control.script = {{.at_most = 2}};
    channel.write(write, f.file, 0, bytes_of(text));
    channel.poll();
    CHECK(f.control.under_way == 1);
  }
  CHECK(f.control.under_way == 0);
  CHECK(f.control.seen.size() == 1);
}

TEST_CASE("complete: B8 a transfer that waits for a slot can go at any place in the line") {
  for (std::size_t gone = 0; gone < 3; ++gone) {
    Fixture f;
    Channel& channel = f.open();
    const std::string text = letters(3);
    std::array<std::optional<Transfer>, 3> writes;
    for (std::size_t i = 0; i < 3; ++i) {
      channel.write(writes[i].emplace(), f.file, i, bytes_of(text).subspan(i, 1));
    }
    writes[gone].reset();
    Transfer last;
    channel.sync(last, f.file);
    channel.wait(last);
    CHECK(f.control.seen.size() == 3);
    for (auto& write : writes) CHECK((!write || write->done()));
  }
}

TEST_CASE("complete: I11 a channel that goes closes its queue and ends its transfers") {
  Fixture f;
  const std::string text = letters(5);
  Transfer under_way;
  Transfer waiting;
  f.open().write(under_way, f.file, 0, bytes_of(text));
  f.channel->poll();
  f.channel->write(waiting, f.file, 0, bytes_of(text));
  f.channel.reset();
  CHECK(f.control.closed);
  REQUIRE(!under_way.outcome());
  CHECK(under_way.outcome().error().code() == ErrorCode::closed);
  REQUIRE(!waiting.outcome());
}

TEST_CASE("complete: a transfer can be used again, and one of no bytes asks for nothing") {
  Fixture f;
  Channel& channel = f.open();
  REQUIRE(channel.write_all(f.file, 0, std::span<const std::byte>()));
  CHECK(f.control.seen.empty());
  std::string text = letters(3);
  std::vector<std::size_t> lengths(2 * kMaxBuffersPerRequest, 0);
  lengths.push_back(3);
  REQUIRE(channel.write_all(f.file, 0, cut(text, lengths)));
  CHECK(f.control.seen.size() == 1);

  Transfer transfer;
  f.control.script = {{.os_error = EIO}};
  channel.write(transfer, f.file, 0, bytes_of(text));
  channel.wait_any();
  CHECK(!transfer.outcome());
  channel.write(transfer, f.file, 0, bytes_of(text));
  channel.wait(transfer);
  CHECK(transfer.outcome() == 3u);
  CHECK(f.file.content == text);
}
