// One io_uring: set up, fed, entered and drained. What to send through it, and what to do when the
// kernel refuses, is the queue's business (uring_queue.h).
//
// Only uring_ring.cc includes <liburing.h>.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <siltstone/error.h>

#include "io/storage.h"

struct io_uring;
struct io_uring_sqe;

namespace siltstone::io {

struct RingSetup {
  /// Requests under way at most; the kernel rounds up to a power of two. With too little memory a
  /// smaller ring is made.
  unsigned depth = 128;
  /// One thread alone will use it: completions are then run when that thread asks for them, and
  /// not in the middle of other work.
  bool exclusive = true;
  /// A thread of the kernel takes the requests, without system calls, and spins while it waits.
  bool sqpoll = false;
  /// With sqpoll: the descriptor of a ring whose thread serves this one too; -1 for none.
  int share_with = -1;
  /// Completions are polled for on the device. Direct reads and writes only.
  bool iopoll = false;
};

struct RingCompletion {
  std::uint64_t tag = 0;
  std::int32_t result = 0;
};

/// Thread-bound, without `exclusive` to one thread after the other.
class Ring {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Ring>> open(const RingSetup& setup);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  /// Nothing may be under way. In a forked child the ring is left to the parent.
  ~Ring();

  /// Makes files and memory known to the kernel once and for all, which saves looking them up for
  /// each request. They outlive the ring. Where that is refused they are used all the same.
  void remember(std::span<File* const> files, std::span<const iovec> memory) noexcept;

  /// Writes, reads and syncs a file in memory through the ring: what a sandbox or an old kernel
  /// forbids shows here.
  [[nodiscard]] Result<void> prove();

  /// Puts a request in line, unless the line is full. File and buffers are in use until a
  /// completion carries the tag.
  [[nodiscard]] bool push(const Request& request, std::uint64_t tag) noexcept;
  /// Hands what is in line to the kernel and waits for so many completions. 0, or -errno, with
  /// which nothing is lost: what was not taken is still in line.
  [[nodiscard]] int enter(unsigned wait_for) noexcept;
  /// Hands what is in line to the kernel, as far as it takes it; what it does not stays in line.
  void hand_over() noexcept;
  /// Takes completions that are there.
  [[nodiscard]] std::size_t pop(std::span<RingCompletion> out) noexcept;

  [[nodiscard]] unsigned depth() const noexcept { return depth_; }
  [[nodiscard]] const RingSetup& setup() const noexcept { return setup_; }
  /// True when the kernel has to be entered although nobody waits: requests are in line, or
  /// completions come only to who asks.
  [[nodiscard]] bool wants_enter() const noexcept;
  /// Requests that the kernel has not taken yet.
  [[nodiscard]] unsigned in_line() const noexcept;
  /// Those of them that it will not take unless it is entered. A thread of the kernel takes all
  /// that it was once shown, whenever it gets round to it.
  [[nodiscard]] unsigned kept_back() const noexcept;
  /// For RingSetup::share_with.
  [[nodiscard]] int descriptor() const noexcept;
  /// True in the child of a fork, where the ring's memory is not there.
  [[nodiscard]] bool is_parents() const noexcept;

 private:
  explicit Ring(const RingSetup& setup);
  [[nodiscard]] int set_up() noexcept;
  [[nodiscard]] Result<void> prove_one(const Request& request, std::int64_t expected);
  void prepare_transfer(io_uring_sqe& entry, const Request& request, int file) const noexcept;
  [[nodiscard]] int file_index(const Request& request) const noexcept;
  [[nodiscard]] int memory_index(const iovec& buffer) const noexcept;

  std::unique_ptr<io_uring> ring_;
  RingSetup setup_;
  unsigned depth_ = 0;
  pid_t process_ = 0;
  std::vector<File*> files_;   // known to the kernel, by index
  std::vector<iovec> memory_;  // the same
};

}  // namespace siltstone::io
