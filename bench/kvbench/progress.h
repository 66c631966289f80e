// How far a workload is, drawn as a bar on a terminal and nowhere else.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace siltstone::kvbench {

/// Draws from construction to destruction, five times a second on a thread of its own, if stderr is
/// a terminal; otherwise costs nothing. add() is thread-safe.
class Progress {
 public:
  /// `label` stands in front of the bar; `total` operations are expected, all threads together.
  Progress(std::string label, std::uint64_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// So many more operations are done.
  void add(std::uint64_t operations) noexcept {
    done_.fetch_add(operations, std::memory_order_relaxed);
  }

 private:
  void draw_until_stopped();
  [[nodiscard]] std::string line() const;

  const std::string label_;
  const std::uint64_t total_;
  const std::uint64_t begin_ns_;
  std::atomic<std::uint64_t> done_{0};

  std::mutex mutex_;
  std::condition_variable stop_signal_;
  bool stopped_ = false;  // protected by mutex_
  std::thread painter_;   // none when stderr is no terminal
};

}  // namespace siltstone::kvbench
