// A queue on a ring of its own, with plain system calls for what a ring does badly or not at all.
//
// Reads, direct writes and syncs go through the ring. By plain calls go buffered writes, which ext4
// would hand to a thread of the kernel; on a polling ring also syncs and everything buffered; and
// everything, on the spot, where no ring can be had.
//
// Invariants:
// 1. A completion is believed only if its tag names a slot under way and the slot's generation.
// 2. No more is under way in the ring than its depth, and the kernel's completion queue is twice as
//    long: it cannot overflow.
// 3. A ring is made by the first thread that submits. When another thread takes the queue over, and
//    nothing is under way, the ring is made anew, for several threads.
// 4. In a forked child nothing is submitted, reaped, or waited for.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/storage.h"
#include "io/uring_ring.h"
#include "io/uring_state.h"

namespace siltstone::io {

/// Files are PosixFiles.
class UringQueue final : public Queue {
 public:
  /// `state` outlives the queue; `plain` carries out what does not go through the ring.
  UringQueue(UringState& state, std::unique_ptr<Queue> plain, std::size_t depth);
  ~UringQueue() override;

  std::size_t capacity() const noexcept override { return slots_.size(); }
  std::int64_t submit(std::span<Request* const> batch) override;
  std::int64_t reap(std::span<Request*> done, std::size_t wait_for) override;
  void remember(File& file) override;
  void remember(std::span<std::byte> memory) override;

 private:
  struct Slot {
    Request* request = nullptr;  // null when free
    std::uint32_t generation = 0;
  };

  [[nodiscard]] bool is_parents() const noexcept;
  void settle_ring();
  void open_ring(bool exclusive);
  [[nodiscard]] bool belongs_in_ring(const Request& request) const noexcept;
  [[nodiscard]] bool push(Request& request) noexcept;
  void hand_over() noexcept;
  [[nodiscard]] int enter(std::size_t wait_for) noexcept;
  std::size_t reap_ring(std::span<Request*> done, std::size_t wanted);
  std::size_t reap_plain(std::span<Request*> done, std::size_t wait_for);
  std::size_t pop(std::span<Request*> done) noexcept;
  [[nodiscard]] Request* complete(const RingCompletion& completion) noexcept;
  [[nodiscard]] std::int64_t result_of(const Request& request, std::int32_t result) noexcept;
  void drain() noexcept;

  UringState& state_;
  std::unique_ptr<Queue> plain_;
  std::unique_ptr<Ring> ring_;  // null before the first submission, and where none can be had
  bool no_ring_ = false;        // none can be had
  const pid_t process_;
  std::uint64_t owner_ = 0;  // the thread that used it last; 0: none yet
  unsigned refusals_ = 0;    // in a row, to enter the ring
  int broken_ = 0;           // the errno after which the ring is not used any more

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t in_ring_ = 0;
  std::size_t in_plain_ = 0;
  std::vector<Request*> aside_;  // for one call of submit()

  std::vector<File*> files_;
  std::vector<iovec> memory_;
};

}  // namespace siltstone::io
