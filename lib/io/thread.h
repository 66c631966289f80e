// A kernel thread of the engine: named, with all signals blocked (the host's handlers never run on
// it), and a thread that cannot be had is an error.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <array>
#include <memory>
#include <string_view>

#include <siltstone/error.h>

namespace siltstone::io {

/// Joined when it goes. Thread-bound, to whoever holds it.
class Thread {
 public:
  /// Runs body(argument) on a new thread with this name (at most 15 characters) and nice value
  /// above the process's.
  [[nodiscard]] static Result<std::unique_ptr<Thread>> start(std::string_view name, int nice,
                                                             void (*body)(void*), void* argument);
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { join(); }

  /// Waits for the end of body(). Idempotent. In a forked child, where the thread does not exist,
  /// returns at once.
  void join() noexcept;

 private:
  Thread() = default;
  static void* run(void* self) noexcept;

  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  int nice_ = 0;
  std::array<char, 16> name_{};
  pid_t process_ = 0;
  pthread_t handle_{};
  bool joinable_ = false;
};

}  // namespace siltstone::io
