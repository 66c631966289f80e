// What a process that is about to be killed tells its parent: the events of its session, in memory
// that both share and that outlives either.
//
//   event  | kind u8 | number u64 | length varint | entries |
//
// Little-endian, and the entries are those of wal/record.h. An event counts once it is whole: the
// kill may come at any byte.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "io/clock.h"
#include "model/session.h"

namespace siltstone::model {

/// The clock of the kernel, but for its wall clock: that moves only when it is told to, so that who
/// checks what has expired is not too late, and goes on from one process to the next.
class SharedClock final : public io::Clock {
 public:
  [[nodiscard]] io::Time now() const noexcept override { return io::system_clock().now(); }
  [[nodiscard]] std::int64_t wall_ms() const noexcept override {
    return wall_ms_.load(std::memory_order_relaxed);
  }
  void step_wall(std::int64_t by_ms) noexcept {
    wall_ms_.fetch_add(by_ms, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> wall_ms_{1'704'067'200'000};  // 2024-01-01
};

/// Written by one process while its parent waits, then read by the parent.
class Journal {
 public:
  Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  [[nodiscard]] SharedClock& clock() noexcept { return shared_->clock; }
  /// Forgets all events.
  void clear() noexcept;
  void add(const Event& event);
  /// The session failed.
  void add_violation(std::string_view what) noexcept;

  void replay(const std::function<void(Event)>& learn) const;
  [[nodiscard]] std::string_view violation() const noexcept { return shared_->violation.data(); }

 private:
  struct Shared {
    SharedClock clock;
    std::atomic<std::size_t> used{0};    // bytes of whole events
    std::array<char, 1024> violation{};  // empty: none; ends with a zero
  };
  static constexpr std::size_t kBytes = std::size_t{64} << 20;  // of address space, rarely touched

  [[nodiscard]] std::span<std::byte> events() const noexcept;

  Shared* shared_;
};

}  // namespace siltstone::model
