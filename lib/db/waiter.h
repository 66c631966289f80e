// Writers that wait, in lists: for their turn, for durability, for room.
//
// A waiter lies on the stack of its thread and sleeps on a word of its own, where it also finds its
// result, so that waking many makes none of them queue for a lock.
//
// Who may touch it: while it is in a list, the holder of the commit lock. Once taken out, whoever
// took it, until that one sets its state; then its thread goes on, and it may be gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <siltstone/error.h>

#include "base/ids.h"

namespace siltstone::db {

class WaiterList;

struct Waiter {
  // States. It sleeps on kWaiting only.
  static constexpr std::uint32_t kWaiting = 0;
  static constexpr std::uint32_t kLeads = 1;  ///< Its turn to do the work that it waits for.
  static constexpr std::uint32_t kDone = 2;

  // Constant while it waits.
  base::Sequence target;         ///< What must be durable, or written.
  bool has_deadline = false;     ///< It may withdraw, and never drains: that may overrun it.
  std::size_t bytes = 0;         ///< For admission: room in the ring,
  std::uint64_t operations = 0;  ///< and operations.
  bool is_large = false;         ///< For admission: never enters the ring.

  std::optional<Error> error;  ///< With kDone, if what it waits for failed.
  std::atomic<std::uint32_t> state{kWaiting};
  WaiterList* list = nullptr;  ///< Kept up to date only for one that may withdraw.
  Waiter* next = nullptr;
};

/// First in, first out.
class WaiterList {
 public:
  enum class Kind : std::uint8_t {
    open,     ///< Who is in it may withdraw.
    settled,  ///< It is decided what becomes of them: nobody withdraws any more.
  };

  explicit WaiterList(Kind kind = Kind::open) noexcept : kind_(kind) {}
  WaiterList(const WaiterList&) = delete;
  WaiterList& operator=(const WaiterList&) = delete;
  ~WaiterList() = default;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] Waiter* first() const noexcept { return first_; }

  void push(Waiter& waiter) noexcept;
  /// Appends all of another list, which is empty then.
  void take_from(WaiterList& other) noexcept;
  /// The first one, or the first without a deadline, no longer in the list; null if there is none.
  [[nodiscard]] Waiter* pop() noexcept;
  [[nodiscard]] Waiter* pop_patient() noexcept;
  /// Takes one out that is in this list.
  void remove(Waiter& waiter) noexcept;

 private:
  void unlink(Waiter& waiter, Waiter* before) noexcept;
  [[nodiscard]] WaiterList* self() noexcept { return kind_ == Kind::open ? this : nullptr; }

  const Kind kind_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t with_deadline_ = 0;
};

}  // namespace siltstone::db
