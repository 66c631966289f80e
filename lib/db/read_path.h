// How reads find their data: the memtable, the sequence up to which it may be seen, and the moment
// that decides what has expired.
//
// Invariants:
// 1. visible() only grows, and only to the end of a write whose entries are all linked and durable.
//    So a read at visible() sees whole batches, and nothing that a power cut could take back.
// 2. Everything here lives as long as anybody who reads: an iterator may outlive its store.
// 3. It belongs to the process that made it; in a child of a fork it is closed.
// 4. An entry that has expired reads as if its key had been erased. It stays what it is: it hides
//    older versions, and shows again where the clock was set back.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <siltstone/error.h>
#include <siltstone/value.h>

#include "base/fork.h"
#include "base/ids.h"
#include "io/clock.h"
#include "memtable/memtable.h"

namespace siltstone::db {

/// What a reader looks from who sees the same for his whole life.
struct View {
  base::Sequence sequence;
  std::int64_t now = 0;  ///< Milliseconds of wall clock since 1970.
};

/// What stands at `kind` and `expiry` is a value, still, to a reader at `now`.
[[nodiscard]] constexpr bool is_there(memtable::Kind kind, std::int64_t expiry,
                                      std::int64_t now) noexcept {
  return kind == memtable::Kind::value ||
         (kind == memtable::Kind::value_with_expiry && now < expiry);
}

/// Thread-safe.
class ReadPath {
 public:
  /// Borrows the clock, which outlives the Db; readers that outlive it are closed, and use none.
  ReadPath(std::unique_ptr<memtable::Memtable> memtable, io::Clock& clock) noexcept
      : memtable_(std::move(memtable)), clock_(clock) {}
  ReadPath(const ReadPath&) = delete;
  ReadPath& operator=(const ReadPath&) = delete;
  ~ReadPath() = default;

  [[nodiscard]] memtable::Memtable& memtable() noexcept { return *memtable_; }
  [[nodiscard]] const memtable::Memtable& memtable() const noexcept { return *memtable_; }

  /// The newest sequence that reads may use.
  [[nodiscard]] base::Sequence visible() const noexcept {
    return base::Sequence(visible_.load(std::memory_order_acquire));
  }
  /// What is there now.
  [[nodiscard]] View view() const noexcept { return {visible(), clock_.wall_ms()}; }
  [[nodiscard]] io::Clock& clock() const noexcept { return clock_; }
  /// Makes everything up to `sequence` visible. One caller at a time, never going back.
  void publish(base::Sequence sequence) noexcept;

  [[nodiscard]] bool is_closed() const noexcept {
    return closed_.load(std::memory_order_acquire) || is_forked();
  }
  /// True in a process that inherited it.
  [[nodiscard]] bool is_forked() const noexcept { return generation_ != base::fork_generation(); }
  void close() noexcept { closed_.store(true, std::memory_order_release); }

  /// The newest value, now. Reads the clock only when it has an expiry. `closed` after close().
  /// Throws only std::bad_alloc.
  [[nodiscard]] Result<std::optional<Value>> get(std::string_view key) const;
  /// The value that `view` shows.
  [[nodiscard]] Result<std::optional<Value>> get(std::string_view key, const View& view) const;

 private:
  const std::uint64_t generation_ = base::fork_generation();
  const std::unique_ptr<memtable::Memtable> memtable_;
  io::Clock& clock_;
  std::atomic<std::uint64_t> visible_{0};
  std::atomic<bool> closed_{false};
};

/// What every call on a closed store answers.
[[nodiscard]] Error closed_error() noexcept;
/// Nothing, and closed: what a handle that was moved from reads. Throws only std::bad_alloc.
[[nodiscard]] std::shared_ptr<const ReadPath> closed_reads();

}  // namespace siltstone::db
