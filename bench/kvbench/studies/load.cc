// See load.h. Buffers are touched, and rings made, before the clock starts.
#include "studies/load.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <latch>
#include <thread>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/random.h"
#include "base/try.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

// Another seed each time, so that no run reads what an earlier one has just read.
std::uint64_t next_seed() {
  static std::atomic<std::uint64_t> seed{1};
  return seed.fetch_add(1);
}

/// Where the next transfer goes. Thread-safe in sequence; at random each thread has its own.
class Offsets {
 public:
  Offsets(const TestFile& file, const Load& load)
      : places_(file.bytes() / load.bytes), bytes_(load.bytes), sequential_(load.sequential) {}

  [[nodiscard]] std::uint64_t next(base::Random& random) noexcept {
    const std::uint64_t place = sequential_
                                    ? next_.fetch_add(1, std::memory_order_relaxed) % places_
                                    : random.below(places_);
    return place * bytes_;
  }

 private:
  const std::uint64_t places_;
  const std::uint64_t bytes_;
  const bool sequential_;
  std::atomic<std::uint64_t> next_{0};
};

Result<base::AlignedBuffer> make_memory(const Load& load) {
  auto memory = SILT_TRY(base::AlignedBuffer::allocate(load.depth * load.bytes));
  base::Random random(next_seed());
  for (std::size_t at = 0; at < memory.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(memory.data() + at, &word, sizeof word);
  }
  return memory;
}

/// What the threads of a plain load share.
struct PlainLoad {
  const TestFile& file;
  const Load& load;
  Offsets offsets{file, load};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> transfers{0};
  std::atomic<int> error{0};  // errno of a transfer that failed

  void run(std::byte* buffer, std::uint64_t seed) noexcept {
    base::Random random(seed);
    std::uint64_t count = 0;
    for (; !stop.load(std::memory_order_relaxed); ++count) {
      const auto offset = static_cast<off_t>(offsets.next(random));
      const ssize_t moved = load.opcode == io::Opcode::read
                                ? pread(file.descriptor(), buffer, load.bytes, offset)
                                : pwrite(file.descriptor(), buffer, load.bytes, offset);
      if (moved == static_cast<ssize_t>(load.bytes)) continue;
      error.store(moved < 0 ? errno : EIO);
      break;
    }
    transfers.fetch_add(count);
  }
};

}  // namespace

Result<double> channel_load(const Backend& backend, const TestFile& file, const Load& load,
                            double seconds) {
  const auto memory = SILT_TRY(make_memory(load));
  const auto channel = SILT_TRY(backend.channel(load.depth));
  channel->remember(file.file());
  channel->remember(memory.bytes());
  Offsets offsets(file, load);
  base::Random random(next_seed());
  std::vector<io::Transfer> transfers(load.depth);
  const auto start = [&](std::size_t i) {
    const base::MutableBytes buffer = memory.bytes().subspan(i * load.bytes, load.bytes);
    if (load.opcode == io::Opcode::read) {
      channel->read(transfers[i], file.file(), offsets.next(random), buffer);
    } else {
      channel->write(transfers[i], file.file(), offsets.next(random), buffer);
    }
  };
  for (std::size_t i = 0; i < load.depth; ++i) start(i);
  channel->wait(transfers[0]);

  std::uint64_t count = 0;
  const std::uint64_t begin = now_ns();
  do {
    SILT_TRY(check_interrupt());
    for (std::size_t i = 0; i < load.depth; ++i) {
      if (!transfers[i].done()) continue;
      SILT_TRY(Result<std::size_t>(transfers[i].outcome()));
      ++count;
      start(i);
    }
    channel->wait_any();
  } while (seconds_since(begin) < seconds);
  if (load.opcode == io::Opcode::write) {
    for (const io::Transfer& transfer : transfers) channel->wait(transfer);
    count += load.depth;
    SILT_TRY(channel->sync(file.file()));
  }
  return static_cast<double>(count) / seconds_since(begin);
}

Result<double> plain_load(const TestFile& file, const Load& load, double seconds) {
  const auto memory = SILT_TRY(make_memory(load));
  PlainLoad shared{.file = file, .load = load};
  std::latch ready(load.depth + 1);
  std::vector<std::jthread> threads;
  threads.reserve(load.depth);
  for (unsigned i = 0; i < load.depth; ++i) {
    threads.emplace_back([&, i, seed = next_seed()] {
      ready.arrive_and_wait();
      shared.run(memory.data() + i * load.bytes, seed);
    });
  }
  ready.arrive_and_wait();
  const std::uint64_t begin = now_ns();
  constexpr auto kTick = std::chrono::milliseconds(1);
  while (seconds_since(begin) < seconds && shared.error.load() == 0 && check_interrupt()) {
    std::this_thread::sleep_for(kTick);
  }
  shared.stop.store(true);
  for (auto& thread : threads) thread.join();
  if (load.opcode == io::Opcode::write && fdatasync(file.descriptor()) != 0) {
    return base::fail_os(errno, "fdatasync").path(file.path());
  }
  const double elapsed = seconds_since(begin);
  SILT_TRY(check_interrupt());
  if (const int error = shared.error.load(); error != 0) {
    return base::fail_os(error, "transfer").path(file.path());
  }
  return static_cast<double>(shared.transfers.load()) / elapsed;
}

}  // namespace siltstone::kvbench
