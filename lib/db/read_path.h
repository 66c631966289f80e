// How reads find their data: the memtable, and the sequence up to which it may be seen.
//
// Invariants:
// 1. visible() only grows, and only to the end of a write whose entries are all linked and durable.
//    So a read at visible() sees whole batches, and nothing that a power cut could take back.
// 2. Everything here lives as long as anybody who reads: an iterator may outlive its store.
// 3. It belongs to the process that made it; in a child of a fork it is closed.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <siltstone/error.h>
#include <siltstone/value.h>

#include "base/fork.h"
#include "base/ids.h"
#include "memtable/memtable.h"

namespace siltstone::db {

/// Thread-safe.
class ReadPath {
 public:
  explicit ReadPath(std::unique_ptr<memtable::Memtable> memtable) noexcept
      : memtable_(std::move(memtable)) {}
  ReadPath(const ReadPath&) = delete;
  ReadPath& operator=(const ReadPath&) = delete;
  ~ReadPath() = default;

  [[nodiscard]] memtable::Memtable& memtable() noexcept { return *memtable_; }
  [[nodiscard]] const memtable::Memtable& memtable() const noexcept { return *memtable_; }

  /// The newest sequence that reads may use.
  [[nodiscard]] base::Sequence visible() const noexcept {
    return base::Sequence(visible_.load(std::memory_order_acquire));
  }
  /// Makes everything up to `sequence` visible. One caller at a time, never going back.
  void publish(base::Sequence sequence) noexcept;

  [[nodiscard]] bool is_closed() const noexcept {
    return closed_.load(std::memory_order_acquire) || is_forked();
  }
  /// True in a process that inherited it.
  [[nodiscard]] bool is_forked() const noexcept { return generation_ != base::fork_generation(); }
  void close() noexcept { closed_.store(true, std::memory_order_release); }

  /// `closed` after close(). Throws only std::bad_alloc.
  [[nodiscard]] Result<std::optional<Value>> get(std::string_view key) const;

 private:
  const std::uint64_t generation_ = base::fork_generation();
  const std::unique_ptr<memtable::Memtable> memtable_;
  std::atomic<std::uint64_t> visible_{0};
  std::atomic<bool> closed_{false};
};

/// What every call on a closed store answers.
[[nodiscard]] Error closed_error() noexcept;
/// Nothing, and closed: what a handle that was moved from reads. Throws only std::bad_alloc.
[[nodiscard]] std::shared_ptr<const ReadPath> closed_reads();

}  // namespace siltstone::db
