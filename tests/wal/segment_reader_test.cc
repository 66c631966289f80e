// Reading ahead: every frame is as it was written wherever the borders of what is read at once lie,
// and what goes wrong ahead is told to whoever needs it, and to nobody else.
#include "wal/segment_reader.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "support/rng.h"
#include "wal/forge.h"
#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;
using support::Op;

namespace {

/// A segment of frames of many sizes, some larger than what is read at once.
struct ManyFrames {
  explicit ManyFrames(std::uint64_t seed) : world(seed, machine()), forge(test_header(1)) {
    support::Rng rng(seed);
    while (forge.end().offset < 6U << 20) {
      const std::uint64_t most = rng.below(4) == 0 ? kMaxRawBytes - 100 : 300'000;
      commits.push_back(make_noise_commit(commits.size(), rng.between(1, most)));
      offsets.push_back(forge.end().offset);
      forge.commit(commits.back());
    }
    forge.plant(world, 0);
    wal = world.storage.open_directory("db/wal").value();
    file = wal->open("0", {.direct = true}).value();
    channel = std::make_unique<io::Channel>(world.storage.make_queue(4).value());
  }
  static support::SimStorageOptions machine() {
    support::SimStorageOptions options;
    options.short_transfer_probability = 0.1;
    options.transfer_time = std::chrono::milliseconds(1);
    return options;
  }
  /// True when the frame is whole and holds its commit.
  [[nodiscard]] bool is_right(const Frame& frame, std::size_t i) const {
    return frame.check == FrameCheck::valid &&
           base::as_text(frame.raw).ends_with(commits[i].entries) &&
           frame.raw.size() == kRecordHeaderBytes + commits[i].entries.size();
  }

  LogWorld world;
  Forge forge;
  std::vector<Commit> commits;
  std::vector<std::uint64_t> offsets;
  std::unique_ptr<io::Directory> wal;
  std::unique_ptr<io::File> file;
  std::unique_ptr<io::Channel> channel;
};

}  // namespace

TEST_CASE("segment reader: frames of all sizes, in order and in any order") {
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    ManyFrames many(seed);
    ReadMemory memory;
    SegmentReader reader(*many.channel, *many.file, test_header(1).nonce, memory);
    for (std::size_t i = 0; i < many.offsets.size(); ++i) {
      CHECK(many.is_right(*reader.read(many.offsets[i]), i));
    }
    CHECK(reader.read(many.forge.end().offset)->check == FrameCheck::absent);
    support::Rng rng(seed);
    for (int n = 0; n < 60; ++n) {
      const std::size_t at = rng.below(many.offsets.size());
      CHECK(many.is_right(*reader.read(many.offsets[at]), at));
      if (n % 3 == 0 && at + 1 < many.offsets.size()) {
        CHECK(many.is_right(*reader.read(many.offsets[at + 1]), at + 1));
      }
      if (n % 5 == 0) reader.forget();
    }
  }
}

TEST_CASE("segment reader: while a frame is checked the next ones are on their way") {
  ManyFrames many(1);
  ReadMemory memory;
  SegmentReader reader(*many.channel, *many.file, test_header(1).nonce, memory);
  REQUIRE(reader.read(many.offsets[0])->check == FrameCheck::valid);
  CHECK(!many.channel->idle());
  // What is read now was asked for before the file changed; forget() asks again.
  reader.forget();
  CHECK(many.channel->idle());
}

TEST_CASE("segment reader: F1, an error ahead that passes is nobody's, one that stays is told") {
  ManyFrames many(2);
  const std::uint64_t bad = many.offsets[many.offsets.size() / 2];
  for (const bool stays : {false, true}) {
    many.world.storage.faults().clear();
    const auto rule =
        many.world.storage.faults().add({.on = Op::read,
                                         .times = stays ? support::kAlways : std::uint64_t{1},
                                         .begin = bad,
                                         .end = bad + kBlockBytes});
    ReadMemory memory;
    SegmentReader reader(*many.channel, *many.file, test_header(1).nonce, memory);
    std::size_t i = 0;
    for (; i < many.offsets.size(); ++i) {
      const auto frame = reader.read(many.offsets[i]);
      if (!frame) {
        CHECK(frame.error().code() == ErrorCode::io);
        break;
      }
      CHECK(many.is_right(*frame, i));
    }
    CHECK(many.world.storage.faults().hits(rule) != 0);
    CHECK((i == many.offsets.size()) == !stays);
    // Frames are told of it once what is read at once has the bad place in it, not earlier.
    if (stays) CHECK(many.offsets[i] + kMaxFrameBytes > bad);
    if (stays) CHECK(many.offsets[i] <= bad);
  }
}
