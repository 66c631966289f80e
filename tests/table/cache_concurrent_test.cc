// The block cache on real threads, for ThreadSanitizer and for the processor's own reordering.
#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/rng.h"
#include "table/cache_fixture.h"

using namespace siltstone;
using namespace siltstone::table;
using base::EpochGuard;
using support::Rng;

namespace {

constexpr std::size_t kWords = 300;

// Reads mostly few blocks, and all of them at times; returns how many readings were wrong.
std::uint64_t read_some(CacheWorld& world, Rng rng, int gets) {
  std::uint64_t wrong = 0;
  Pin kept;
  FrameView kept_view;
  std::size_t kept_number = 0;
  for (int i = 0; i < gets; ++i) {
    const std::size_t number = rng.below(rng.below(4) == 0 ? kWords : 60);
    {
      const EpochGuard guard;
      if (const FrameView view = look(world.words[number])) {
        wrong += stamped(view.data) == number ? 0 : 1;
        if (rng.below(16) != 0) continue;
        kept = world.cache->pin(view);
        kept_view = view;
        kept_number = number;
        continue;
      }
    }
    const auto entering = rng.below(4) == 0 ? Entering::scan : Entering::point;
    const PinnedFrame frame = world.load(number, 4096, entering);
    wrong += stamped(frame.view.data) == number ? 0 : 1;
    if (kept) wrong += stamped(kept_view.data) == kept_number ? 0 : 1;
  }
  return wrong;
}

}  // namespace

TEST_CASE("block cache: readers and loaders on threads never see another block's bytes") {
  CacheWorld world(640 * kKiB, kWords);
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (std::uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] { wrong += read_some(world, Rng(t), 20'000); });
  }
  std::thread forgetting([&] {
    while (!done) {
      world.cache->forget(std::span(world.words).first(20));
      static_cast<void>(world.cache->stats());
      std::this_thread::yield();
    }
  });
  for (auto& thread : threads) thread.join();
  done = true;
  forgetting.join();
  CHECK(wrong == 0);
  CHECK(world.cache->stats().evicted > 0);
  world.cache->forget(world.words);
  CHECK(world.cache->stats().pinned_bytes == 0);
  CHECK(world.cache->stats().outside_bytes == 0);
}
