// Requests under way. What a request does happens when it completes, inside reap(): the requests
// that are under way together take effect in any order, and a sync covers only what was complete
// when it was submitted. Bytes to be written are copied at submission and compared at completion,
// so that a buffer that its owner touched or freed in between is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/storage.h"
#include "support/sim_handles.h"
#include "support/sim_machine.h"

namespace siltstone::support {

class SimQueue final : public io::Queue {
 public:
  SimQueue(SimMachine& machine, std::size_t depth);
  ~SimQueue() override;

  [[nodiscard]] std::size_t capacity() const noexcept override { return depth_; }
  [[nodiscard]] std::int64_t submit(std::span<io::Request* const> batch) override;
  [[nodiscard]] std::int64_t reap(std::span<io::Request*> done, std::size_t wait_for) override;

  // For the machine, under its lock.

  /// The power goes: writes under way may still reach the disk, nothing else happens any more.
  void power_went();
  /// The process dies, or the machine starts anew: nothing under way completes any more.
  void die() noexcept { dead_ = true; }
  /// What is under way, as candidates for a crash of this copy of the disk.
  void leave_in_flight(Disk& disk) const;
  /// The process dies while the kernel goes on: some of what is under way still happens.
  void finish_some();

 private:
  struct Flight {
    io::Request* request = nullptr;
    SimFile* file = nullptr;
    std::uint64_t length = 0;
    std::shared_ptr<const Bytes> data{};
    Ticket submitted = 0;
    io::Time due;
    SimMachine::Verdict verdict{};
  };

  std::int64_t submit_locked(std::span<io::Request* const> batch);
  void take(io::Request& request);
  [[nodiscard]] int check(const io::Request& request, std::uint64_t length) const;
  [[nodiscard]] std::size_t choose_ready();
  [[nodiscard]] io::Time due_time(std::size_t count) const;
  [[nodiscard]] bool answer_error(std::int64_t* result, Op op);
  io::Request* complete(std::size_t index);
  std::int64_t run(const Flight& flight);
  std::int64_t run_read(const Flight& flight);
  std::int64_t run_write(const Flight& flight);
  std::int64_t fail_write(const Flight& flight, FileChange change, int error);
  std::int64_t run_sync(const Flight& flight);
  [[nodiscard]] std::uint64_t shorten(const Flight& flight, std::uint64_t length);
  void spoil(Bytes& bytes, Effect effect);

  SimMachine& machine_;
  const std::size_t depth_;
  const std::uint64_t boot_;
  std::vector<Flight> flights_;
  bool dead_ = false;
  int broken_ = 0;
};

}  // namespace siltstone::support
